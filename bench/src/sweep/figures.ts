import { atLeast, atMost, table, type Row } from '../table.js';

/** The figures of sweeping a ledger, under names that never change. One that was not measured is absent. */
export interface SweepFigures {
  /** Destroyed by the sweep. */
  sweep_parts?: number;
  /** From the approval of the policy until the last part was gone, appends beside it for part of that time. */
  sweep_parts_per_s?: number;
  /** Events with their receipts, as fast as they go, before and during. */
  sweep_append_before_per_s?: number;
  sweep_append_during_per_s?: number;
  sweep_append_ratio?: number;
  /** Destroyed a second while those events were appended. */
  sweep_parts_during_per_s?: number;
  /** The ledger's database on disk, with all that was appended meanwhile. */
  sweep_db_before_mib?: number;
  sweep_db_peak_mib?: number;
  sweep_db_after_mib?: number;
  sweep_db_ratio?: number;
  /** 1: intact by a full pass, by fsck over a witnessed checkpoint, and by an export verified offline. */
  sweep_verify_ok?: number;
  /** 1: every tlog-proof taken before the sweep holds after it, offline. */
  sweep_old_proofs_ok?: number;
  /** 1: every order that destroyed something has a certificate, whose items add up to what was destroyed. */
  sweep_certificates_ok?: number;
}

const ROWS: readonly Row<keyof SweepFigures>[] = [
  { name: 'sweep_parts', what: 'parts destroyed by a policy', unit: 'parts', digits: 0 },
  { name: 'sweep_parts_per_s', what: 'from the policy to the last part, appends beside it at first', unit: 'parts/s', digits: 0 },
  { name: 'sweep_append_before_per_s', what: '(b) appends before', unit: 'events/s', digits: 0 },
  { name: 'sweep_append_during_per_s', what: '(d) appends during the sweep', unit: 'events/s', digits: 0 },
  { name: 'sweep_append_ratio', what: '(d) / (b)', unit: '×', digits: 2, target: atLeast(0.5, '≥ 0.50') },
  { name: 'sweep_parts_during_per_s', what: 'parts destroyed meanwhile', unit: 'parts/s', digits: 0 },
  { name: 'sweep_db_before_mib', what: "(o) the ledger's database before", unit: 'MiB', digits: 1 },
  { name: 'sweep_db_peak_mib', what: 'at most during the sweep', unit: 'MiB', digits: 1 },
  { name: 'sweep_db_after_mib', what: '(n) after, with what was appended meanwhile', unit: 'MiB', digits: 1 },
  { name: 'sweep_db_ratio', what: '(n) / (o)', unit: '×', digits: 3, target: atMost(0.999, '< 1') },
  { name: 'sweep_verify_ok', what: 'full pass, fsck, and an export offline', unit: '', digits: 0, target: atLeast(1, '1') },
  { name: 'sweep_old_proofs_ok', what: 'tlog-proofs from before', unit: '', digits: 0, target: atLeast(1, '1') },
  { name: 'sweep_certificates_ok', what: 'certificates for all of it', unit: '', digits: 0, target: atLeast(1, '1') },
];

export const sweepTable = (figures: SweepFigures): string => table(ROWS, figures);

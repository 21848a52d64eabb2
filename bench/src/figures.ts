import { atLeast, atMost, table, type Row } from './table.js';

/** The figures, under names that never change. One that was not measured is absent. */
export interface Figures {
  /** The plain design: one transaction an event under `pg_advisory_xact_lock`, eight clients. */
  append_plain_per_s?: number;
  /** Binary COPY of the same rows, one connection. */
  append_copy_per_s?: number;
  /** End to end: producer process, spool, JetStream, ledger, PostgreSQL, receipts. */
  append_per_s?: number;
  append_vs_plain?: number;
  append_vs_copy?: number;
  /** Emit to receipt at 1,000 events a second. */
  receipt_p50_ms?: number;
  receipt_p99_ms?: number;
  /** Receipt to a proof that verifies. */
  proof_available_p99_ms?: number;
  /** Entries a second of a full verification from the stored bytes. */
  verify_per_s?: number;
  proof_p50_ms?: number;
  /** Inclusion proof over HTTP at `proof_leaves` leaves. */
  proof_p99_ms?: number;
  proof_leaves?: number;
  /** Bytes stored for one event beyond the event. */
  overhead_bytes?: number;
  event_bytes?: number;
  /** Longest block of the ledger's event loop under full load. */
  loop_delay_max_ms?: number;
  /** Most CPU time between two turns of that loop: what of its blocks is not waiting for a core. */
  loop_work_max_ms?: number;
  /** Most resident memory of the ledger under full load. */
  rss_mib?: number;
  /** Mean of the last third of the samples minus mean of the first third. */
  rss_growth_mib?: number;
}

export type FigureName = keyof Figures;

const ROWS: readonly Row<FigureName>[] = [
  { name: 'append_plain_per_s', what: '(a) plain design: a transaction an event, 8 clients', unit: 'events/s', digits: 0 },
  { name: 'append_copy_per_s', what: '(b) raw binary COPY of the same rows', unit: 'rows/s', digits: 0 },
  { name: 'append_per_s', what: '(c) Countersign end to end, emit to receipt', unit: 'events/s', digits: 0 },
  { name: 'append_vs_plain', what: '(c) / (a)', unit: '×', digits: 1, target: atLeast(12, '≥ 12, aim 25') },
  { name: 'append_vs_copy', what: '(c) / (b)', unit: '×', digits: 2 },
  { name: 'receipt_p50_ms', what: 'emit to receipt at 1,000 events/s, p50', unit: 'ms', digits: 1 },
  { name: 'receipt_p99_ms', what: 'emit to receipt at 1,000 events/s, p99', unit: 'ms', digits: 1, target: atMost(50, '≤ 50') },
  { name: 'proof_available_p99_ms', what: 'receipt to inclusion proof, p99', unit: 'ms', digits: 0, target: atMost(1_500, '< 1,500') },
  { name: 'verify_per_s', what: 'full verification from the stored bytes', unit: 'entries/s', digits: 0, target: atLeast(300_000, '≥ 300,000, aim 500,000') },
  { name: 'proof_p50_ms', what: 'inclusion proof over HTTP, p50', unit: 'ms', digits: 2 },
  { name: 'proof_p99_ms', what: 'inclusion proof over HTTP, p99', unit: 'ms', digits: 2, target: atMost(5, '< 5') },
  { name: 'proof_leaves', what: 'leaves of the tree that was proven from', unit: 'leaves', digits: 0 },
  { name: 'overhead_bytes', what: 'integrity overhead an event', unit: 'bytes', digits: 0 },
  { name: 'event_bytes', what: 'the event itself', unit: 'bytes', digits: 0 },
  { name: 'loop_delay_max_ms', what: 'longest block of the event loop under full load', unit: 'ms', digits: 1, target: atMost(50, '≤ 50') },
  { name: 'loop_work_max_ms', what: 'its own work between two turns, at most', unit: 'ms', digits: 1, target: atMost(50, '≤ 50') },
  { name: 'rss_mib', what: 'most memory of the ledger under full load', unit: 'MiB', digits: 0 },
  { name: 'rss_growth_mib', what: 'its growth, first to last third of the load', unit: 'MiB', digits: 0 },
];

export const figuresTable = (figures: Figures): string => table(ROWS, figures);

import { atLeast, atMost, table, type Row } from '../table.js';

/** The figures of the keys, under names that never change. One that was not measured is absent. */
export interface KeysFigures {
  /** Values of 256 bytes, in one process on one core, under leased data keys. */
  field_seal_per_s?: number;
  field_open_per_s?: number;
  /** The same, each under its subject's key, of 10,000 leased ones. */
  subject_seal_per_s?: number;
  /** A data key asked for over the bus, no cache. */
  data_key_p50_ms?: number;
  data_key_p99_ms?: number;
  /** New subjects, 500 a request. */
  subject_keys_created_per_s?: number;
  sign_checkpoint_p50_ms?: number;
  sign_checkpoint_p99_ms?: number;
  /** Subjects' rows brought under new keys: all rows of both ways by the time of both. */
  rewrap_rows_per_s?: number;
  /** Through a roll of the epoch. */
  rewrap_roll_rows_per_s?: number;
  /** Through a rotation of the tenant's key. */
  rewrap_rotation_rows_per_s?: number;
  /** Events with a personal part, emit to receipt, its part encrypted under its subject's key. */
  ledger_append_encrypted_per_s?: number;
  /** The same events on a ledger that salts the part only. */
  ledger_append_clear_per_s?: number;
  ledger_append_encrypted_vs_clear?: number;
  /** Every key in use is rotated at once under load, and old versions are retired. */
  rotation_operations?: number;
  rotation_failed_operations?: number;
  rotation_rows_per_s?: number;
  rotation_remaining?: number;
  rotation_retired_versions?: number;
  rotation_seconds?: number;
}

const AIM = atLeast(100_000, '≥ 100,000');

const ROWS: readonly Row<keyof KeysFigures>[] = [
  { name: 'field_seal_per_s', what: 'fields sealed, 256 bytes, one core', unit: 'fields/s', digits: 0, target: AIM },
  { name: 'field_open_per_s', what: 'fields opened, 256 bytes, one core', unit: 'fields/s', digits: 0, target: AIM },
  { name: 'subject_seal_per_s', what: 'fields sealed under 10,000 subjects\' keys', unit: 'fields/s', digits: 0 },
  { name: 'data_key_p50_ms', what: 'data key from the key service, p50', unit: 'ms', digits: 2 },
  { name: 'data_key_p99_ms', what: 'data key from the key service, p99', unit: 'ms', digits: 2 },
  { name: 'subject_keys_created_per_s', what: 'keys of new subjects, 500 a request', unit: 'keys/s', digits: 0 },
  { name: 'sign_checkpoint_p50_ms', what: 'checkpoint signed by the key service, p50', unit: 'ms', digits: 2 },
  { name: 'sign_checkpoint_p99_ms', what: 'checkpoint signed by the key service, p99', unit: 'ms', digits: 2 },
  { name: 'rewrap_rows_per_s', what: 'subjects\' keys rewrapped, both ways together', unit: 'rows/s', digits: 0 },
  { name: 'rewrap_roll_rows_per_s', what: '… through a roll of the epoch', unit: 'rows/s', digits: 0 },
  { name: 'rewrap_rotation_rows_per_s', what: '… through a rotation of the tenant\'s key', unit: 'rows/s', digits: 0 },
  { name: 'ledger_append_encrypted_per_s', what: '(e) ledger, personal parts encrypted', unit: 'events/s', digits: 0 },
  { name: 'ledger_append_clear_per_s', what: '(s) ledger, personal parts salted', unit: 'events/s', digits: 0 },
  { name: 'ledger_append_encrypted_vs_clear', what: '(e) / (s)', unit: '×', digits: 2, target: atLeast(0.8, '≥ 0.8') },
  { name: 'rotation_operations', what: 'rotation of every key in use: operations meanwhile', unit: 'operations', digits: 0 },
  { name: 'rotation_failed_operations', what: '… of them failed', unit: 'operations', digits: 0, target: atMost(0, '0') },
  { name: 'rotation_rows_per_s', what: '… rows re-encrypted beside the load', unit: 'rows/s', digits: 0 },
  { name: 'rotation_remaining', what: '… rows left under the old version', unit: 'rows', digits: 0, target: atMost(0, '0') },
  { name: 'rotation_retired_versions', what: '… old versions retired, data key and tenant key', unit: 'versions', digits: 0, target: atLeast(2, '2') },
  { name: 'rotation_seconds', what: '… from the order to the last retirement', unit: 's', digits: 1 },
];

export const keysTable = (figures: KeysFigures): string => table(ROWS, figures);

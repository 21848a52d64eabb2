/**
 * Every fault that the chain's rules can name. A code is stable for ever: clients, alerts and tests match on it.
 * Admission codes (EVENT_*, MESSAGE_*) refuse an event; all others accuse stored bytes.
 */
export const FAULT_CODES = [
  // admission of one event or one bus message
  'MESSAGE_TOO_LARGE',
  'MESSAGE_NOT_JSON',
  'MESSAGE_EVENT_COUNT',
  'SUBJECT_INVALID',
  'EVENT_NOT_OBJECT',
  'EVENT_TOO_LARGE',
  'EVENT_FIELD_UNKNOWN',
  'EVENT_FIELD_MISSING',
  'EVENT_FIELD_INVALID',
  'EVENT_SOURCE_MISMATCH',
  'EVENT_TENANT_MISMATCH',
  'EVENT_ENTRY_TOO_LARGE',
  'EVENT_ID_REUSED',
  // entries and parts
  'ENTRY_MISSING',
  'ENTRY_ALTERED',
  'ENTRY_MALFORMED',
  'ENTRY_INDEX_MISMATCH',
  'ENTRY_INSERTED',
  'ENTRY_TENANT_MISMATCH',
  'ENTRY_BEYOND_HEAD',
  'CHAIN_LINK_BROKEN',
  'RECORDED_AT_DECREASES',
  'EVENT_ID_MISMATCH',
  'EVENT_ID_DUPLICATE',
  'PART_ALTERED',
  'PART_SWAPPED',
  'PART_MISSING',
  'PART_UNEXPECTED',
  // tree and tiles
  'TILE_ALTERED',
  'TILE_MISSING',
  'TILE_ROOT_ALTERED',
  'TILE_UNEXPECTED',
  'TILE_MALFORMED',
  // head and checkpoints
  'HEAD_SIZE_MISMATCH',
  'HEAD_ROOT_MISMATCH',
  'HEAD_LINK_MISMATCH',
  'HEAD_TIME_MISMATCH',
  'HEAD_MISSING',
  'TAIL_MISSING',
  'LEDGER_ROLLED_BACK',
  'ROOT_MISMATCH',
  'HISTORY_REWRITTEN',
  'CHECKPOINT_MALFORMED',
  'CHECKPOINT_MISSING',
  'CHECKPOINT_ORIGIN_MISMATCH',
  'CHECKPOINT_SIGNATURE_MISSING',
  'CHECKPOINT_SIGNATURE_INVALID',
  'CHECKPOINT_ALTERED',
  // notes, keys and proofs
  'NOTE_MALFORMED',
  'VKEY_MALFORMED',
  'COSIGNATURE_MALFORMED',
  'COSIGNATURE_INVALID',
  'PROOF_MALFORMED',
  'PROOF_INDEX_OUT_OF_RANGE',
  'PROOF_WRONG_LENGTH',
  'PROOF_ROOT_MISMATCH',
  'CONSISTENCY_SIZE_DECREASES',
  'CONSISTENCY_WRONG_LENGTH',
  'CONSISTENCY_ROOT_MISMATCH',
  'TILE_PATH_MALFORMED',
  // exports
  'EXPORT_MALFORMED',
  'EXPORT_TRUNCATED',
  'EXPORT_DIGEST_MISMATCH',
] as const;

export type FaultCode = (typeof FAULT_CODES)[number];

/** A broken rule. `code` is for machines, `message` names the field and the rule for people; neither carries personal data. */
export class ChainFault extends Error {
  override readonly name = 'ChainFault';
  constructor(
    readonly code: FaultCode,
    message: string,
    readonly detail: { readonly field?: string; readonly leafIndex?: number; readonly treeSize?: number } = {},
  ) {
    super(message);
  }
}

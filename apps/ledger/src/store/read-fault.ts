/** What a reader can be told besides the chain's own faults. A code is stable for ever: clients and tests match on it. */
export const READ_FAULT_CODES = [
  'LEDGER_UNKNOWN',
  'EVENT_UNKNOWN',
  'ENTRY_UNKNOWN',
  /** Recorded, or asked for, beyond what the latest checkpoint covers: ask again after the next one. */
  'CHECKPOINT_NOT_YET',
  'PROOF_NOT_YET',
  'TILE_NOT_YET',
  'SIZE_NOT_YET',
  'RANGE_BEYOND_LEDGER',
  'CURSOR_MALFORMED',
  'CURSOR_OF_OTHER_QUERY',
  'QUERY_TOO_SLOW',
  'STORE_UNAVAILABLE',
  'KEYS_UNAVAILABLE',
  'VERIFICATION_BUSY',
  'EXPORT_BUSY',
] as const;

export type ReadFaultCode = (typeof READ_FAULT_CODES)[number];

/** A question that cannot be answered. Neither `message` nor `field` carries personal data. */
export class ReadFault extends Error {
  override readonly name = 'ReadFault';
  constructor(
    readonly code: ReadFaultCode,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

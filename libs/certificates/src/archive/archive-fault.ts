export const ARCHIVE_FAULT_CODES = [
  'ARCHIVE_MALFORMED', 'ARCHIVE_TOO_LARGE', 'ARCHIVE_FILE_MISSING', 'ARCHIVE_FILE_UNEXPECTED', 'ARCHIVE_FILE_ALTERED', 'ARCHIVE_MANIFEST_ALTERED', 'ARCHIVE_NOT_CERTIFIED',
  'ARCHIVE_RECORD_MALFORMED', 'ARCHIVE_PROOF_MISSING', 'ARCHIVE_PROOF_INVALID', 'ARCHIVE_ENTRY_ALTERED', 'ARCHIVE_PART_ALTERED',
] as const;
export type ArchiveFaultCode = (typeof ARCHIVE_FAULT_CODES)[number];

/** Where in an archive something is wrong. */
export interface ArchivePlace {
  readonly file?: string;
  /** Of a file of records, from 1. */
  readonly line?: number;
  readonly tenant?: string;
  readonly leafIndex?: number;
  /** Of the proof, as the ledger format has them. */
  readonly cause?: string;
}

/** What is wrong with an archive, or with what it is to be made of. */
export class ArchiveFault extends Error {
  override readonly name = 'ArchiveFault';
  constructor(
    readonly code: ArchiveFaultCode,
    message: string,
    readonly place: ArchivePlace = {},
  ) {
    super(message);
  }
}

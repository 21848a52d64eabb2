/**
 * - BACKUP_KEY_WRONG: the archive was written under another key
 * - BACKUP_NOT_AUTHENTIC: an object was altered, moved, cut off, or is not the one that was listed
 * - BACKUP_UNKNOWN: the catalogue lists no such backup
 * - BACKUP_OBJECT_MISSING: something that is listed is not in the store
 * - BACKUP_FILE_ALTERED: a file of the database is not what PostgreSQL's own manifest says
 * - BACKUP_UNSUPPORTED: a tablespace outside the data folder, or a file that no backup of ours has
 * - BACKUP_SERVER_FAILED: the database server refused, or went away
 * - BACKUP_BUSY: another run or prune is under way
 * - BACKUP_TARGET_TAKEN: something is where the data is to go
 * - BACKUP_ARCHIVE_EXISTS: the store has an archive already
 * - BACKUP_GOVERNED: what goes is retention's to decide
 */
export const BACKUP_FAULT_CODES = [
  'BACKUP_KEY_WRONG',
  'BACKUP_NOT_AUTHENTIC',
  'BACKUP_UNKNOWN',
  'BACKUP_OBJECT_MISSING',
  'BACKUP_FILE_ALTERED',
  'BACKUP_UNSUPPORTED',
  'BACKUP_SERVER_FAILED',
  'BACKUP_BUSY',
  'BACKUP_TARGET_TAKEN',
  'BACKUP_ARCHIVE_EXISTS',
  'BACKUP_GOVERNED',
] as const;
export type BackupFaultCode = (typeof BACKUP_FAULT_CODES)[number];

export class BackupFault extends Error {
  override readonly name = 'BackupFault';
  constructor(
    readonly code: BackupFaultCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

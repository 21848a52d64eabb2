import { createHash, hkdfSync } from 'node:crypto';
import { BackupFault } from './fault.js';

const KEY_BYTES = 32;
const OBJECT_INFO = 'countersign.backup.v1 object\n';
const ID_INFO = 'countersign.backup.v1 key\n';
export const KEY_ID_BYTES = 8;
export const SALT_BYTES = 32;

/** The one key of an archive. Each object has a key of its own, which follows from it, a random salt and the object's name. */
export interface ArchiveKey {
  /** Hex; tells keys apart and nothing about them. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** Throws BACKUP_KEY_WRONG when it has not 32 bytes. */
export function archiveKey(bytes: Buffer): ArchiveKey {
  if (bytes.length !== KEY_BYTES) throw new BackupFault('BACKUP_KEY_WRONG', `the key of an archive has ${String(KEY_BYTES)} bytes`);
  return { id: createHash('sha256').update(ID_INFO).update(bytes).digest('hex').slice(0, KEY_ID_BYTES * 2), bytes };
}

/** HKDF-SHA-256 (RFC 5869): the salt makes it new at every writing, as libs/files demands of its keys. */
export function objectKey({ bytes }: ArchiveKey, name: string, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', bytes, salt, OBJECT_INFO + name, KEY_BYTES));
}

import type { ArchiveKey } from './archive-key.js';
import { BackupFault } from './fault.js';
import { once, readWhole, writeObject } from './sealed-object.js';
import type { ArchivePlace } from './take-backup.js';
import type { FileStore } from '@countersign/files';

const NAME = 'drills';
const BYTES_MAX = 1024 * 1024;
const KEPT_MAX = 200;

/** That an archive was restored, for practice. */
export interface DrillResult {
  readonly at: string;
  readonly backup: string;
  readonly outcome: 'success' | 'failure';
  /** Code of what went wrong. */
  readonly fault?: string;
  readonly recoverySeconds?: number;
  readonly recoveryPointSeconds?: number;
  readonly ledgers?: number;
}

/** Newest first, the last {@link KEPT_MAX}. Throws as readObject. */
export async function readDrills(store: FileStore, key: ArchiveKey): Promise<readonly DrillResult[]> {
  try {
    return JSON.parse((await readWhole(store, key, NAME, BYTES_MAX)).toString('utf8')) as DrillResult[];
  } catch (error) {
    if (error instanceof BackupFault && error.code === 'BACKUP_OBJECT_MISSING') return [];
    throw error;
  }
}

export async function recordDrill({ stores, key }: ArchivePlace, result: DrillResult): Promise<void> {
  const known = await readDrills(stores[0]!, key);
  await writeObject(stores, key, NAME, once(Buffer.from(JSON.stringify([result, ...known].slice(0, KEPT_MAX)))));
}

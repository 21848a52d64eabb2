import { existsSync } from 'node:fs';
import { chown, mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackupFault, findBackup, placeFiles, placeLog, readCatalogue, readManifest, ScratchServer } from '@countersign/backup';
import type { Backup, Owner, PlacedLog } from '@countersign/backup';
import type { Vkey } from '@countersign/chain';
import pg from 'pg';
import type { OpenArchive } from './place.js';
import { proveRestored } from './prove-restored.js';
import type { OutsideCheckpoint, ProvedLedger } from './prove-restored.js';

export interface RestoreOptions {
  readonly archive: OpenArchive;
  /** Its id, or `latest`. */
  readonly backup: string;
  /** Where the data folder is to be; nothing may be there. */
  readonly dataDir: string;
  readonly owner: Owner | undefined;
  /** The program `postgres`. */
  readonly program: string;
  readonly superuser: string;
  readonly ledgerDatabase: string;
  readonly outside: readonly OutsideCheckpoint[];
  readonly vkeys: readonly Vkey[] | undefined;
  readonly isLogWanted: boolean;
  readonly onProgress: (what: string, unit: string, done: number, total: number) => void;
}

export interface Restored {
  readonly backup: Backup;
  readonly log: PlacedLog;
  readonly ledgers: readonly ProvedLedger[];
  readonly databases: readonly string[];
  readonly seconds: { readonly files: number; readonly recovery: number; readonly proof: number; readonly total: number };
}

/**
 * Puts a server's data back beside its place, lets PostgreSQL bring it to the end of its log where nobody reaches it, and proves its ledgers; only then the
 * folder gets its name. What fails on the way leaves nothing under that name. Throws BackupFault, CliError, FilesFault.
 */
export async function restoreData(options: RestoreOptions): Promise<Restored> {
  const { archive: { stores: [store], key }, dataDir, owner } = options;
  if (existsSync(dataDir)) throw new BackupFault('BACKUP_TARGET_TAKEN', `${dataDir} is there: move it away first, it may be evidence`);
  const startedMs = performance.now();
  const backup = findBackup((await readCatalogue(store!, key)).backups, options.backup);
  const making = `${dataDir}.restoring`;
  // What a restore left that was killed.
  await rm(making, { recursive: true, force: true });
  // PostgreSQL, which may be another user, passes through what lies above.
  await mkdir(dirname(making), { recursive: true, mode: 0o755 });
  await mkdir(making, { mode: 0o700 });
  if (owner !== undefined) await chown(making, owner.uid, owner.gid);
  await requireSpace(making, backup.clearBytes);
  try {
    const restored = await bringBack(options, backup, making);
    await rename(making, dataDir);
    await syncFolder(dirname(dataDir));
    return { ...restored, seconds: { ...restored.seconds, total: since(startedMs) } };
  } catch (error) {
    // It holds every database, in clear.
    await rm(making, { recursive: true, force: true });
    throw error;
  }
}

const since = (fromMs: number): number => Number(((performance.now() - fromMs) / 1_000).toFixed(3));

/** Files, log, recovery, proof; the server is stopped when it settles. */
async function bringBack(options: RestoreOptions, backup: Backup, making: string): Promise<Restored> {
  const { archive: { stores: [store], key }, owner } = options;
  const startedMs = performance.now();
  await placeFiles(store!, key, backup, making, { owner, onProgress: (done, total) => options.onProgress('files', 'bytes', done, total) });
  const log = await placeLog(store!, key, backup, making, { owner, isWanted: options.isLogWanted });
  const files = since(startedMs);
  const recoveryMs = performance.now();
  const server = await ScratchServer.start({ dataDir: making, program: options.program, runAs: owner, superuser: options.superuser });
  let proof: { readonly recovery: number; readonly seconds: number; readonly ledgers: readonly ProvedLedger[] };
  try {
    const recovery = since(recoveryMs);
    const proofMs = performance.now();
    for (const name of backup.databases) await answers(server.database(name));
    const { checkpoints } = await readManifest(store!, key, backup);
    const hasLedgers = backup.databases.includes(options.ledgerDatabase);
    const ledgers = hasLedgers ? await proveRestored(server.database(options.ledgerDatabase), { ...options, catalogued: checkpoints, onProgress: (tenant, done, total) => options.onProgress(`proof of ${tenant}`, 'entries', done, total) }) : [];
    proof = { recovery, seconds: since(proofMs), ledgers };
  } finally {
    await server.stop();
  }
  return { backup, log, ledgers: proof.ledgers, databases: backup.databases, seconds: { files, recovery: proof.recovery, proof: proof.seconds, total: since(startedMs) } };
}

async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes) throw new BackupFault('BACKUP_TARGET_TAKEN', `the disk of ${folder} has no room for ${bytes} bytes`);
}

async function answers(database: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(database);
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT count(*) FROM pg_class');
  } catch (error) {
    throw new BackupFault('BACKUP_SERVER_FAILED', `the restored database ${String(database.database)} does not open: ${(error as Error).message}`, { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

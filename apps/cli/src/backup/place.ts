import { existsSync, readFileSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { archiveKey, BackupFault } from '@countersign/backup';
import type { ArchiveKey, BackupFaultCode } from '@countersign/backup';
import { FilesFault, FolderStore, S3Store } from '@countersign/files';
import type { FileStore } from '@countersign/files';
import { refuseOthers, SealedFileError } from '@countersign/sealed-file';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import type { Io } from '../io.js';
import { findStateDir } from '../local-stack.js';
import type { Environment } from '../target.js';

export interface ArchiveOptions {
  readonly json?: boolean;
  readonly archive?: string;
  readonly copy: readonly string[];
  readonly keyFile?: string;
  readonly stateDir?: string;
}

export interface OpenArchive {
  readonly stores: readonly FileStore[];
  readonly key: ArchiveKey;
}

const S3_PLACE = /^s3:\/\/([a-z0-9.-]{3,63})\/?([A-Za-z0-9/_.-]*)$/;

export function withArchive(command: Command): Command {
  return command
    .option('--archive <folder or s3://bucket/prefix>', 'where backups lie (env COUNTERSIGN_BACKUP_ARCHIVE; default: backup/archive of the local stack)')
    .option('--copy <folder or s3://bucket/prefix>', 'keep a copy here too; repeatable (env COUNTERSIGN_BACKUP_COPY)', (one: string, all: readonly string[]) => [...all, one], [])
    .option('--key-file <file>', "the archive's key (env COUNTERSIGN_BACKUP_KEY_FILE; default: backup/archive.key of the local stack)")
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)');
}

/** Folder of a local stack for backups; undefined where there is none, running or not. */
export function localBackupDir({ stateDir }: Pick<ArchiveOptions, 'stateDir'>, io: Io): string | undefined {
  const found = stateDir === undefined ? (findStateDir(io.cwd) ?? (existsSync(join(io.cwd, '.countersign')) ? join(io.cwd, '.countersign') : undefined)) : resolve(io.cwd, stateDir);
  return found === undefined ? undefined : join(found, 'backup');
}

export function storesOf(options: ArchiveOptions, io: Io): readonly FileStore[] {
  return placesOf(options, io).map((one) => storeAt(one, io));
}

/** Those of the places that are folders, by names that do not change. */
export function foldersOf(options: ArchiveOptions, io: Io): Readonly<Record<string, string>> {
  const folders = placesOf(options, io).map((place, at) => [at === 0 ? 'archive' : `copy-${at}`, place] as const);
  return Object.fromEntries(folders.filter(([, place]) => !place.startsWith('s3://')).map(([name, place]) => [name, resolve(io.cwd, place)]));
}

/** The archive, then its copies. Throws CliError. */
function placesOf(options: ArchiveOptions, io: Io): readonly string[] {
  const local = localBackupDir(options, io);
  const place = options.archive ?? io.env['COUNTERSIGN_BACKUP_ARCHIVE'] ?? (local === undefined ? undefined : join(local, 'archive'));
  if (place === undefined) throw usageError('say where backups lie with --archive');
  const copies = options.copy.length > 0 ? options.copy : (io.env['COUNTERSIGN_BACKUP_COPY'] ?? '').split(',').filter((one) => one !== '');
  return [place, ...copies];
}

export function keyFileOf(options: ArchiveOptions, io: Io): string {
  const local = localBackupDir(options, io);
  const file = options.keyFile ?? io.env['COUNTERSIGN_BACKUP_KEY_FILE'] ?? (local === undefined ? undefined : join(local, 'archive.key'));
  if (file === undefined) throw usageError("name the file with the archive's key with --key-file");
  return resolve(io.cwd, file);
}

/** Throws CliError, BackupFault, SealedFileError. */
export async function openArchive(options: ArchiveOptions, io: Io): Promise<OpenArchive> {
  const file = keyFileOf(options, io);
  const stores = storesOf(options, io);
  if (!existsSync(file)) throw new CliError(EXIT.usage, 'BACKUP_KEY_MISSING', `${file} is not there: "countersign backup init" makes an archive, "countersign backup key" gets the key of one from the key service`);
  await refuseOthers(file, await keeperOf(file));
  return { stores, key: archiveKey(Buffer.from(await readFile(file, 'utf8'), 'base64')) };
}

/** Root restores what another user archives: who has the archive's key can make such an archive anyway. */
async function keeperOf(file: string): Promise<number | undefined> {
  const me = process.geteuid?.();
  return me === 0 ? (await stat(file)).uid : me;
}

/** Writes the key for its owner alone, never over another. Throws BACKUP_ARCHIVE_EXISTS. */
export async function writeKeyFile(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => Promise.reject(error.code === 'EEXIST' ? new BackupFault('BACKUP_ARCHIVE_EXISTS', `${path} is there already`) : error));
  try {
    await file.writeFile(bytes.toString('base64'));
    await file.sync();
  } finally {
    await file.close();
  }
}

function storeAt(place: string, { cwd, env }: Io): FileStore {
  if (!place.startsWith('s3://')) return new FolderStore(resolve(cwd, place));
  const [, bucket, prefix] = S3_PLACE.exec(place) ?? [];
  if (bucket === undefined) throw usageError(`${place} is not s3://<bucket>/<prefix>`);
  const credentials = { accessKeyId: secretOf(env, 'COUNTERSIGN_BACKUP_S3_ACCESS_KEY_ID'), secretAccessKey: secretOf(env, 'COUNTERSIGN_BACKUP_S3_SECRET_ACCESS_KEY') };
  const folder = prefix === undefined || prefix === '' || prefix.endsWith('/') ? (prefix ?? '') : `${prefix}/`;
  return new S3Store({ bucket, prefix: folder, region: env['COUNTERSIGN_BACKUP_S3_REGION'] ?? 'us-east-1', endpoint: env['COUNTERSIGN_BACKUP_S3_ENDPOINT'], credentials: () => credentials });
}

function secretOf(env: Environment, name: string): string {
  const file = env[`${name}_FILE`];
  if (file === undefined) throw usageError(`name the file with it in ${name}_FILE`);
  return readFileSync(file, 'utf8').trim();
}

const FAULT_EXITS: Readonly<Partial<Record<BackupFaultCode, ExitCode>>> = {
  BACKUP_KEY_WRONG: EXIT.refused,
  BACKUP_NOT_AUTHENTIC: EXIT.fault,
  BACKUP_OBJECT_MISSING: EXIT.fault,
  BACKUP_FILE_ALTERED: EXIT.fault,
  BACKUP_SERVER_FAILED: EXIT.unreachable,
  BACKUP_BUSY: EXIT.unreachable,
  BACKUP_GOVERNED: EXIT.refused,
};

/** Runs work on an archive: its faults become failures of the command line, its stores are closed. */
export async function withBackupFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupFault) throw new CliError(FAULT_EXITS[error.code] ?? EXIT.usage, error.code, `${error.code}: ${error.message}`);
    if (error instanceof FilesFault) throw new CliError(EXIT.unreachable, error.code, `${error.code}: ${error.message}`);
    if (error instanceof SealedFileError) throw new CliError(EXIT.usage, error.code, error.message);
    throw error;
  }
}

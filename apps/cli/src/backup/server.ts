import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LedgerCheckpoint } from '@countersign/backup';
import { DatabaseRefused, requireEncryption } from '@countersign/postgres';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { Io } from '../io.js';
import { LedgerApi } from '../ledger-api.js';
import { ledgerUrlOf } from '../target.js';
import { localBackupDir } from './place.js';
import type { ArchiveOptions } from './place.js';

export interface ServerOptions extends ArchiveOptions {
  readonly databaseUrl?: string;
  readonly ledgerUrl?: string;
}

/** Connection of a role with REPLICATION, to any database. Throws CliError. */
export function serverUrlOf(options: ServerOptions, io: Io): string {
  const local = localBackupDir(options, io);
  const given = options.databaseUrl ?? io.env['COUNTERSIGN_BACKUP_DATABASE_URL_FILE'] ?? (local === undefined ? undefined : join(local, 'database-url'));
  if (given === undefined) throw usageError('name the database server with --database-url');
  return connectionUrl(given, '--database-url', io);
}

/** What an option says, or the file that it names. Throws CliError unless it is the URL of an encrypted connection, or of one that stays on this machine. */
export function connectionUrl(given: string, option: string, { cwd }: Pick<Io, 'cwd'>): string {
  const path = resolve(cwd, given);
  const url = existsSync(path) ? readFileSync(path, 'utf8').trim() : given;
  if (!URL.canParse(url)) throw usageError(`${option} must be a connection URL, or a file that holds one`);
  try {
    requireEncryption(url);
  } catch (error) {
    if (error instanceof DatabaseRefused) throw new CliError(EXIT.usage, error.code, error.message);
    throw error;
  }
  return url;
}

/** What each ledger has signed by now; nothing, with a remark, when the ledger does not answer: its state folder tells, and such a backup is better than none. */
export async function checkpointsOrNone(options: ServerOptions, io: Io, onAway: (why: string) => void): Promise<readonly LedgerCheckpoint[]> {
  try {
    return await currentCheckpoints(options, io);
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
    onAway(error.message);
    return [];
  }
}

/** What each ledger has signed by now. Throws CliError. */
export async function currentCheckpoints(options: Pick<ServerOptions, 'ledgerUrl' | 'stateDir'>, io: Io): Promise<readonly LedgerCheckpoint[]> {
  const api = new LedgerApi(ledgerUrlOf(options, io.env, io.cwd));
  const found: LedgerCheckpoint[] = [];
  for (const { tenant, checkpointSize } of await api.ledgers()) {
    if (checkpointSize === 0) continue;
    const { vkeys, checkpoint } = await api.ledger(tenant);
    if (checkpoint !== undefined) found.push({ tenant, vkeys, note: checkpoint.note });
  }
  return found;
}

export const restoreFault = (code: string, message: string, detail: Readonly<Record<string, unknown>> = {}): CliError => new CliError(EXIT.fault, code, `FAILED: ${code}: ${message}`, detail);

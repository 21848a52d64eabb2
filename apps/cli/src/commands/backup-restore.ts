import { existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { postgresBinaries, postgresUser } from '@countersign/devstack';
import type { Owner } from '@countersign/backup';
import { localBackupDir, openArchive, withBackupFaults } from '../backup/place.js';
import type { ArchiveOptions } from '../backup/place.js';
import { outsideCheckpoints } from '../backup/prove-restored.js';
import type { OutsideCheckpoint } from '../backup/prove-restored.js';
import { restoreData } from '../backup/restore.js';
import type { Restored, RestoreOptions } from '../backup/restore.js';
import { usageError } from '../exit-code.js';
import { progressFor, run } from '../io.js';
import type { Ended, Io } from '../io.js';
import { keysFrom } from '../keys.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';

export interface RestoreCommandOptions extends ArchiveOptions {
  readonly backup: string;
  readonly ledgerState?: string;
  readonly catalogued?: boolean;
  readonly key?: readonly string[];
  readonly postgres?: string;
  readonly superuser: string;
  readonly ledgerDatabase: string;
  readonly wal: boolean;
}

export function withRestore(command: Command): Command {
  return command
    .option('--backup <id>', 'which one', 'latest')
    .option('--ledger-state <dir>', "the ledger's LEDGER_STATE_DIR, which no backup holds: its last checkpoints are what the restored ledgers are held against (default: the local stack's)")
    .option('--catalogued', "the ledger's state folder is lost: be content with the checkpoints that the backup was catalogued with")
    .option('--key <vkey or file>', "public key of a ledger, or a file with some; repeatable (default: those catalogued with the backup)", (one: string, all: readonly string[] | undefined) => [...(all ?? []), one])
    .option('--postgres <program>', 'the program "postgres" of the version that was backed up (env COUNTERSIGN_BACKUP_POSTGRES; default: that of the local stack)')
    .option('--superuser <name>', 'name of a superuser in the backup', 'postgres')
    .option('--ledger-database <name>', 'the database that holds the ledgers', 'ledger')
    .option('--no-wal', 'only to the instant of the backup, without the log that follows it');
}

export function backupRestoreCommand(io: Io, ended: Ended): Command {
  return withRestore(new Command('restore'))
    .description('put a data folder back, recover it where nobody reaches it, prove its ledgers, and only then give it its name')
    .option('--data-dir <dir>', 'where the data folder is to be; nothing may be there (env PGDATA)')
    .action((options: RestoreCommandOptions & { readonly dataDir?: string }) =>
      run(io, ended, options, (output) => withBackupFaults(async () => {
        const dataDir = dataDirOf(options, io);
        const restored = await restoreWith(options, await outsideOf(options, io), dataDir, io, output);
        output.result({ ok: true, ...documentOf(restored, new Date()) }, () => [...linesOf(restored), `${dataDir} is ready to be served; start the key service, then retention, then the others: docs/operations/runbooks/restore.md`]);
      })),
    );
}

function dataDirOf({ dataDir }: { readonly dataDir?: string }, { cwd, env }: Io): string {
  const given = dataDir ?? env['PGDATA'];
  if (given === undefined) throw usageError('say where the data folder is to be with --data-dir');
  return resolve(cwd, given);
}

/** Throws CliError, BackupFault. */
export async function restoreWith(options: RestoreCommandOptions, outside: readonly OutsideCheckpoint[], dataDir: string, io: Io, output: Output): Promise<Restored> {
  const archive = await openArchive(options, io);
  const owner = postgresUser();
  const given = options.postgres ?? io.env['COUNTERSIGN_BACKUP_POSTGRES'];
  const program = given === undefined ? join((await postgresBinaries(owner, dirname(dataDir))).root, 'bin', 'postgres') : programOf(given, io);
  if (!existsSync(program) || !statSync(program).isFile()) throw usageError(`${program} is not there: name the program with --postgres`);
  let shown: { readonly what: string; readonly progress: ReturnType<typeof progressFor> } | undefined;
  const onProgress: RestoreOptions['onProgress'] = (what, unit, done, total) => {
    if (shown?.what !== what) {
      shown?.progress.stop();
      shown = { what, progress: progressFor(output, what, unit) };
    }
    shown.progress.update(done, total);
  };
  try {
    return await restoreData({ archive, backup: options.backup, dataDir, owner: owner satisfies Owner | undefined, program, superuser: options.superuser, ledgerDatabase: options.ledgerDatabase, outside, vkeys: options.key === undefined ? undefined : keysFrom(options.key).map(({ vkey }) => vkey), isLogWanted: options.wal, onProgress });
  } finally {
    shown?.progress.stop();
    for (const store of archive.stores) store.close();
  }
}

/** A program by its path, or as a shell would find it. */
function programOf(given: string, { cwd, env }: Io): string {
  if (given.includes('/')) return resolve(cwd, given);
  return (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, given)).find((path) => existsSync(path)) ?? given;
}

/** What was signed, by a ledger's state folder. Throws CliError. */
export async function outsideOf(options: RestoreCommandOptions, io: Io): Promise<readonly OutsideCheckpoint[]> {
  if (options.catalogued === true) return [];
  const local = localBackupDir(options, io);
  const folder = options.ledgerState ?? (local === undefined ? undefined : join(dirname(local), 'ledger', 'state'));
  if (folder === undefined || !existsSync(join(resolve(io.cwd, folder), 'checkpoints'))) {
    throw usageError("name the ledger's state folder with --ledger-state: without its last checkpoints nobody knows what is missing; if it is lost, say --catalogued");
  }
  return outsideCheckpoints(resolve(io.cwd, folder));
}

export function documentOf({ backup, log, ledgers, databases, seconds }: Restored, now: Date) {
  return { backup: backup.id, takenAt: backup.takenAt, databases, logPieces: log.pieces, recoveredTo: log.at, endLsn: log.endLsn, ledgers, recoverySeconds: seconds, recoveryPointSeconds: Math.max(0, Math.round((now.getTime() - Date.parse(log.at)) / 1_000)) };
}

export function linesOf({ backup, log, ledgers, seconds }: Restored): string[] {
  return [
    `backup ${backup.id}, ${count(log.pieces)} pieces of the log after it, recovered to ${log.at}`,
    ...ledgers.map(({ tenant, treeSize, provedSize }) => `  ${tenant}: ${count(treeSize)} entries, proved against the checkpoint of ${count(provedSize)}`),
    `files ${seconds.files} s, recovery ${seconds.recovery} s, proof ${seconds.proof} s, in all ${seconds.total} s`,
  ];
}

import { Command } from 'commander';
import { KEEP_RULES_DEFAULT, keptBackups, pruneBackups, readCatalogue, takeBackup } from '@countersign/backup';
import type { Backup, KeepRules } from '@countersign/backup';
import { keyFromService, makeArchive } from '../backup/archive-file.js';
import { keyFileOf, openArchive, storesOf, withArchive, withBackupFaults, writeKeyFile } from '../backup/place.js';
import type { ArchiveOptions } from '../backup/place.js';
import { checkpointsOrNone, serverUrlOf } from '../backup/server.js';
import type { ServerOptions } from '../backup/server.js';
import { usageError } from '../exit-code.js';
import { progressFor, run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';
import { backupDrillCommand } from './backup-drill.js';
import { backupProvisionCommand } from './backup-provision.js';
import { backupRestoreCommand } from './backup-restore.js';
import { backupServeCommand } from './backup-serve.js';

type InitOptions = ArchiveOptions & KeyServiceOptions;

interface PruneOptions extends ServerOptions {
  readonly daily: string;
  readonly weekly: string;
  readonly monthly: string;
  readonly dryRun?: boolean;
}

const RULE_MAX = 1_000;

export function backupCommand(io: Io, ended: Ended): Command {
  const command = new Command('backup').description('encrypted backups of a database server, with all databases of its services: take, list, prune, restore');
  for (const one of [initCommand, keyCommand, runCommand, listCommand, pruneCommand, backupRestoreCommand, backupDrillCommand, provisionCommand, serveCommand]) command.addCommand(withJson(withArchive(one(io, ended))));
  return withExamples(command, [
    'backup init',
    'backup run --copy s3://backups/countersign',
    'backup list --json',
    'backup prune --daily 7 --weekly 4 --monthly 6 --dry-run',
    'backup serve --every-hours 24 --wal-seconds 15 --drill-days 28 --scratch /var/tmp/drills',
    'backup provision --admin-url admin-url --password-file password',
    'backup drill',
    'backup restore --data-dir /var/lib/postgresql/18/main --ledger-state /var/lib/countersign/ledger',
  ]);
}

function withServer(command: Command): Command {
  return command
    .option('--database-url <url or file>', 'connection to the server as a role with REPLICATION (env COUNTERSIGN_BACKUP_DATABASE_URL_FILE; default: the local stack)')
    .option('--ledger-url <url>', 'base URL of the ledger, whose checkpoints are catalogued (env COUNTERSIGN_LEDGER_URL; default: the local stack)');
}

function withKeys(command: Command): Command {
  return command
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--operator-seed <file>', "file with the operator's nkey seed (env COUNTERSIGN_OPERATOR_SEED_FILE)")
    .option('--keys-public-key <key or file>', 'public nkey of the key service (env COUNTERSIGN_KEYS_PUBLIC_KEY)');
}

const provisionCommand = (io: Io, ended: Ended): Command => withKeys(backupProvisionCommand(io, ended));
const serveCommand = (io: Io, ended: Ended): Command => withServer(backupServeCommand(io, ended));

function initCommand(io: Io, ended: Ended): Command {
  return withKeys(new Command('init'))
    .description('make an archive, with a key from the key service: keep a copy of the key file where the root key is kept')
    .action((options: InitOptions) =>
      run(io, ended, options, (output) => withBackupFaults(async () => {
        const keyFile = keyFileOf(options, io);
        const keyId = await makeArchive(storesOf(options, io), options, io, (bytes) => writeKeyFile(keyFile, bytes));
        output.result({ ok: true, keyId, keyFile }, () => [`an archive under the key ${keyId}`, `Copy ${keyFile} to where the root key is kept: when every server is lost, backups open with it and with nothing else.`]);
      })),
    );
}

function keyCommand(io: Io, ended: Ended): Command {
  return withKeys(new Command('key'))
    .description("get an archive's key from the key service, for whoever has lost the file; it is on record")
    .action((options: InitOptions) =>
      run(io, ended, options, (output) => withBackupFaults(async () => {
        const keyFile = keyFileOf(options, io);
        await writeKeyFile(keyFile, await keyFromService(storesOf(options, io)[0]!, options, io));
        output.result({ ok: true, keyFile }, () => [`written to ${keyFile}`]);
      })),
    );
}

function runCommand(io: Io, ended: Ended): Command {
  return withServer(new Command('run'))
    .description('take a backup now: every database of the server as of one instant; listed when all of it is durable')
    .action((options: ServerOptions) => run(io, ended, options, (output) => withBackupFaults(() => runBackup(options, io, output))));
}

async function runBackup(options: ServerOptions, io: Io, output: Output): Promise<void> {
  const archive = await openArchive(options, io);
  const startedMs = performance.now();
  const progress = progressFor(output, 'backup', 'bytes');
  const checkpoints = () => checkpointsOrNone(options, io, (why) => output.note(`the ledgers' checkpoints are not in this backup: ${why}`));
  try {
    const backup = await takeBackup({ ...archive, serverUrl: serverUrlOf(options, io), checkpoints, now: () => new Date(), onProgress: (done, total) => progress.update(done, total) });
    const seconds = Number(((performance.now() - startedMs) / 1_000).toFixed(3));
    output.result({ ok: true, backup, seconds }, () => [lineOf(backup, 'newest'), `${count(backup.clearBytes)} bytes in ${seconds.toFixed(1)} s`]);
  } finally {
    progress.stop();
    for (const store of archive.stores) store.close();
  }
}

function listCommand(io: Io, ended: Ended): Command {
  return new Command('list').description('list the backups of an archive, newest first, and what the default rules keep them for').action((options: ArchiveOptions) =>
    run(io, ended, options, (output) => withBackupFaults(async () => {
      const { stores, key } = await openArchive(options, io);
      const { backups } = await readCatalogue(stores[0]!, key);
      const kept = keptBackups(backups, KEEP_RULES_DEFAULT);
      const document = backups.map((backup) => ({ ...backup, keptFor: kept.get(backup.id) ?? [] }));
      output.result({ ok: true, backups: document }, () => (backups.length === 0 ? ['no backup yet'] : backups.map((backup) => lineOf(backup, backup.closedAt === undefined ? (kept.get(backup.id) ?? ['no rule']).join(', ') : 'until retention orders otherwise'))));
      for (const store of stores) store.close();
    })),
  );
}

function pruneCommand(io: Io, ended: Ended): Command {
  return withServer(new Command('prune'))
    .description('destroy backups that no rule keeps; of each day, week and month the last one counts')
    .option('--daily <n>', 'days that keep their last backup', String(KEEP_RULES_DEFAULT.daily))
    .option('--weekly <n>', 'weeks', String(KEEP_RULES_DEFAULT.weekly))
    .option('--monthly <n>', 'months', String(KEEP_RULES_DEFAULT.monthly))
    .option('--dry-run', 'say what would go, and leave it')
    .action((options: PruneOptions) =>
      run(io, ended, options, (output) => withBackupFaults(async () => {
        const { stores, key } = await openArchive(options, io);
        const isDryRun = options.dryRun === true;
        const { removed, kept, removedPieces } = await pruneBackups({ stores, key, serverUrl: serverUrlOf(options, io), rules: rulesOf(options), isDryRun });
        output.result({ ok: true, isDryRun, removed, removedPieces, kept: Object.fromEntries(kept) }, () => [...removed.map((id) => `${isDryRun ? 'would go' : 'gone'}: ${id}`), `${kept.size} kept`]);
        for (const store of stores) store.close();
      })),
    );
}

function rulesOf({ daily, weekly, monthly }: PruneOptions): KeepRules {
  const [d, w, m] = [daily, weekly, monthly].map((text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0 || value > RULE_MAX) throw usageError(`${text} is not a whole number from 0 to ${RULE_MAX}`);
    return value;
  });
  return { daily: d!, weekly: w!, monthly: m! };
}

function lineOf({ id, takenAt, clearBytes, databases, ledgers, wal }: Backup, why: string): string {
  return `${id}  ${takenAt}  ${count(clearBytes)} bytes  ${databases.length} databases  ${ledgers} ledgers${wal === undefined ? '' : '  with log'}  kept: ${why}`;
}

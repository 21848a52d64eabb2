import { Command } from 'commander';
import { BackupFault, readCatalogue } from '@countersign/backup';
import { createOperations } from '@countersign/operations-http';
import { createLogger, createRegistry, registerBusMetrics, registerDiskMetrics } from '@countersign/runtime';
import { answerRetention, retentionSeedOf } from '../backup/answer-retention.js';
import type { RetentionOptions } from '../backup/answer-retention.js';
import { BackupLoop } from '../backup/backup-loop.js';
import type { LoopOptions } from '../backup/backup-loop.js';
import { foldersOf, openArchive, withBackupFaults } from '../backup/place.js';
import { checkpointsOrNone, serverUrlOf } from '../backup/server.js';
import type { ServerOptions } from '../backup/server.js';
import { usageError } from '../exit-code.js';
import { run } from '../io.js';
import type { Ended, Io } from '../io.js';
import { secondsOf } from './emit.js';

export interface ServeOptions extends ServerOptions, RetentionOptions {
  readonly everyHours: string;
  readonly walSeconds: string;
  readonly drillDays?: string;
  readonly scratch?: string;
  readonly host?: string;
  readonly port?: string;
}

const SERVICE = 'backup';
const PORT_MAX = 65_535;
const DEFAULT_PORT = 9_095;
const DAY_MS = 86_400_000;
const DRILL_DAYS_MAX = 35;

export function backupServeCommand(io: Io, ended: Ended): Command {
  return new Command('serve')
    .description('archive the log as it is written, take a backup whenever one is due, prune, and tell Prometheus; until it is told to stop')
    .option('--every-hours <n>', 'a backup is due so long after the last', '24')
    .option('--wal-seconds <n>', 'the log is in the archive after this time: as much may be lost', '15')
    .option('--drill-days <n>', 'a drill is due so long after the last that went well (default: none is made; a timer of yours runs "countersign backup drill")')
    .option('--scratch <dir>', 'where drills have room, for nothing else: what one leaves that was killed is deleted')
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--nats-seed <file>', 'nkey seed of the bus user "backup": retention decides what becomes of a backup that no rule keeps (env COUNTERSIGN_BACKUP_NATS_SEED_FILE; default: it goes at once)')
    .option('--tenant <name>', 'ledger of the installation, as RETENTION_TENANT has it', 'system')
    .option('--host <address>', 'where /healthz, /readyz and /metrics are served (env COUNTERSIGN_BACKUP_HOST; default: 127.0.0.1)')
    .option('--port <n>', `their port (env COUNTERSIGN_BACKUP_PORT; default: ${DEFAULT_PORT})`)
    .action((options: ServeOptions) => run(io, ended, options, () => withBackupFaults(() => serve(options, io))));
}

/** Undefined: none is made. Throws CliError. */
function drillsOf(options: ServeOptions): LoopOptions['drills'] {
  const { drillDays, scratch } = options;
  if (drillDays === undefined) return undefined;
  const days = Number(drillDays);
  if (!(days > 0 && days <= DRILL_DAYS_MAX)) throw usageError(`${drillDays} is not a number of days up to ${DRILL_DAYS_MAX}`);
  if (scratch === undefined) throw usageError('say where drills have room with --scratch');
  return { everyMs: days * DAY_MS, args: drillArgs(options), scratch };
}

/** What a drill is told of what `serve` was. */
function drillArgs({ archive, copy, keyFile, stateDir, ledgerUrl, natsUrl, natsSeed, walSeconds }: ServeOptions): string[] {
  const given = { archive, 'key-file': keyFile, 'state-dir': stateDir, 'ledger-url': ledgerUrl, 'nats-url': natsUrl, 'nats-seed': natsSeed, 'settle-seconds': String(2 * secondsOf(walSeconds)) };
  return [...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])), ...copy.flatMap((place) => ['--copy', place])];
}

async function serve(options: ServeOptions, io: Io): Promise<void> {
  const givenPort = options.port ?? io.env['COUNTERSIGN_BACKUP_PORT'] ?? DEFAULT_PORT;
  const port = Number(givenPort);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) throw usageError(`${givenPort} is not a port`);
  const log = createLogger({ service: SERVICE, level: 'info', isImmediate: true });
  const checkpoints = () => checkpointsOrNone(options, io, (why) => log.warn({ why }, "the ledgers' checkpoints are not in this backup"));
  const how: LoopOptions = { everyMs: secondsOf(options.everyHours) * 3_600_000, pieceMs: secondsOf(options.walSeconds) * 1_000, drills: drillsOf(options), checkpoints };
  const archive = { ...(await openArchive(options, io)), serverUrl: serverUrlOf(options, io) };
  // A wrong key is told at once, not tried again.
  const { isGoverned } = await readCatalogue(archive.stores[0]!, archive.key);
  const natsSeed = retentionSeedOf(options, io);
  if (isGoverned && natsSeed === undefined) throw new BackupFault('BACKUP_GOVERNED', 'retention decides what becomes of the backups of this archive: name its seed on the bus with --nats-seed');
  const registry = createRegistry({ service: SERVICE });
  const retention = natsSeed === undefined ? undefined : await answerRetention({ ...options, natsSeed }, archive, io, (error, operation) => log.error({ err: error, operation }, 'retention got no answer'));
  if (retention !== undefined) registerBusMetrics(registry, retention.bus);
  registerDiskMetrics(registry, { ...foldersOf(options, io), ...(options.scratch === undefined ? {} : { scratch: options.scratch }) });
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const loop = new BackupLoop(archive, retention, how, registry, log, stopping.signal);
  const http = createOperations({ metrics: registry, readiness: async () => ({ ready: loop.isArchiving, checks: { log: loop.isArchiving ? 'ok' : 'is not archived now' } }) });
  await http.listen({ host: options.host ?? io.env['COUNTERSIGN_BACKUP_HOST'] ?? '127.0.0.1', port });
  log.info({ port }, 'backups are served');
  try {
    await loop.run();
  } finally {
    await http.close();
    await retention?.stop();
    for (const store of archive.stores) store.close();
  }
  log.info('stopped');
}

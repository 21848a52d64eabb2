import { Command } from 'commander';
import { archiveWal, BackupFault, closeBackups, KEEP_RULES_DEFAULT, nextBackupMs, nextDrillMs, pruneBackups, readCatalogue, readDrills, takeBackup } from '@countersign/backup';
import { createOperations } from '@countersign/operations-http';
import { Counter, Gauge, Registry } from 'prom-client';
import { answerRetention, retentionSeedOf } from '../backup/answer-retention.js';
import type { AnsweredRetention, RetentionOptions } from '../backup/answer-retention.js';
import { openArchive, withBackupFaults } from '../backup/place.js';
import { runDrill } from '../backup/run-drill.js';
import type { OpenArchive } from '../backup/place.js';
import { checkpointsOrNone, serverUrlOf } from '../backup/server.js';
import type { ServerOptions } from '../backup/server.js';
import { usageError } from '../exit-code.js';
import { run } from '../io.js';
import type { Ended, Io } from '../io.js';
import type { Output } from '../output.js';
import { secondsOf } from './emit.js';

export interface ServeOptions extends ServerOptions, RetentionOptions {
  readonly everyHours: string;
  readonly walSeconds: string;
  readonly drillDays?: string;
  readonly scratch?: string;
  readonly host?: string;
  readonly port?: string;
}

const LOOK_MS = 5_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/** A backup without the log is worth less, and more than none. */
const STREAM_LIMIT_MS = 60_000;
const PORT_MAX = 65_535;
const DEFAULT_PORT = 9_095;
const DAY_MS = 86_400_000;
const DRILL_DAYS_MAX = 35;
/** A drill that failed is looked at by somebody, and not the next minute. */
const DRILL_RETRY_MS = 6 * 3_600_000;

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
    .action((options: ServeOptions) => run(io, ended, options, (output) => withBackupFaults(() => serve(options, io, output))));
}

class BackupLoop {
  readonly registry = new Registry();
  readonly #last = this.#gauge('countersign_backup_last_timestamp_seconds', 'When the newest listed backup was taken');
  readonly #archived = this.#gauge('countersign_backup_log_archived_timestamp_seconds', 'Everything written to the log before is in the archive');
  readonly #drill = this.#gauge('countersign_backup_drill_timestamp_seconds', 'When a backup was last restored and proved');
  readonly #failures = new Counter({ name: 'countersign_backup_failures_total', help: 'What failed and is tried again', labelNames: ['what'], registers: [this.registry] });
  #stream: string | undefined;

  /** @param retention decides what becomes of a backup that no rule keeps; undefined: it goes at once */
  constructor(
    private readonly archive: OpenArchive & { readonly serverUrl: string },
    private readonly retention: AnsweredRetention | undefined,
    private readonly options: ServeOptions,
    private readonly io: Io,
    private readonly output: Output,
    private readonly signal: AbortSignal,
  ) {}

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }

  /** All go on until they are told to stop. */
  async run(): Promise<void> {
    const pieceMs = secondsOf(this.options.walSeconds) * 1_000;
    await Promise.all([
      this.#again('log', () => archiveWal({ ...this.archive, pieceMs, now: () => new Date(), signal: this.signal, onStream: (stream) => (this.#stream = stream), onCaughtUp: (at) => this.#archived.set(at.getTime() / 1_000) })),
      this.#again('backup', () => this.#backups()),
      this.#again('retention', async () => this.retention?.register(), 'once'),
      this.#drills(),
    ]);
  }

  async #backups(): Promise<void> {
    const everyMs = secondsOf(this.options.everyHours) * 3_600_000;
    const startedMs = performance.now();
    // What was decided is finished, and from now on nothing goes without an order.
    await this.retention?.resume();
    if (this.retention !== undefined) await this.#prune();
    for (;;) {
      const { backups } = await readCatalogue(this.archive.stores[0]!, this.archive.key);
      if (backups[0] !== undefined) this.#last.set(Date.parse(backups[0].takenAt) / 1_000);
      const drilled = (await readDrills(this.archive.stores[0]!, this.archive.key)).find(({ outcome }) => outcome === 'success');
      if (drilled !== undefined) this.#drill.set(Date.parse(drilled.at) / 1_000);
      if (this.signal.aborted) return;
      const isLogSettled = this.#stream !== undefined || performance.now() - startedMs > STREAM_LIMIT_MS;
      if (isLogSettled && Date.now() >= nextBackupMs(backups, this.#stream, everyMs)) await this.#backup();
      else await this.#pause(LOOK_MS);
    }
  }

  async #drills(): Promise<void> {
    const days = drillDaysOf(this.options);
    if (days === undefined) return;
    const { stores: [store], key } = this.archive;
    const scratch = this.options.scratch!;
    for (let dueMs = 0; !this.signal.aborted; await this.#pause(LOOK_MS)) {
      try {
        const [{ backups }, drills] = [await readCatalogue(store!, key), await readDrills(store!, key)];
        // One that the log does not follow is behind what was signed meanwhile, and proves nothing.
        const isFollowed = this.#stream !== undefined && backups[0]?.wal?.stream === this.#stream;
        if (!isFollowed || Date.now() < Math.max(dueMs, nextDrillMs(drills, days * DAY_MS, DRILL_RETRY_MS))) continue;
        // Whatever becomes of it, and also when that cannot be written down.
        dueMs = Date.now() + DRILL_RETRY_MS;
        await runDrill({ args: drillArgs(this.options), scratch, onLine: (line) => this.output.note(`drill: ${line}`), signal: this.signal });
      } catch (error) {
        this.#failures.inc({ what: 'drill' });
        this.output.note(`drill: ${(error as Error).message}`);
      }
    }
  }

  async #backup(): Promise<void> {
    const checkpoints = () => checkpointsOrNone(this.options, this.io, this.output);
    const { id } = await takeBackup({ ...this.archive, checkpoints, now: () => new Date(), onProgress: () => undefined });
    this.output.note(`backup ${id}`);
    await this.#prune();
  }

  async #prune(): Promise<void> {
    const rules = KEEP_RULES_DEFAULT;
    if (this.retention !== undefined) {
      for (const one of await closeBackups({ ...this.archive, rules, now: new Date() })) this.output.note(`no rule keeps it any more: ${one}`);
      return;
    }
    const { removed } = await pruneBackups({ ...this.archive, rules, isDryRun: false });
    for (const one of removed) this.output.note(`gone: ${one}`);
  }

  async #again(what: string, work: () => Promise<void>, until?: 'once'): Promise<void> {
    for (let pauseMs = RETRY_MS_MIN; !this.signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      const startedMs = performance.now();
      try {
        await work();
        if (until === 'once') return;
      } catch (error) {
        this.#failures.inc({ what });
        this.output.note(`${what}: ${(error as Error).message}; again in ${pauseMs / 1_000} s`);
        await this.#pause(pauseMs);
        if (performance.now() - startedMs > RETRY_MS_MAX * 2) pauseMs = RETRY_MS_MIN;
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.signal.addEventListener('abort', done);
      if (this.signal.aborted) done();
    });
  }
}

/** Undefined: none is made. Throws CliError. */
function drillDaysOf({ drillDays, scratch }: ServeOptions): number | undefined {
  if (drillDays === undefined) return undefined;
  const days = Number(drillDays);
  if (!(days > 0 && days <= DRILL_DAYS_MAX)) throw usageError(`${drillDays} is not a number of days up to ${DRILL_DAYS_MAX}`);
  if (scratch === undefined) throw usageError('say where drills have room with --scratch');
  return days;
}

/** What a drill is told of what `serve` was. */
function drillArgs({ archive, copy, keyFile, stateDir, ledgerUrl, natsUrl, natsSeed, walSeconds }: ServeOptions): string[] {
  const given = { archive, 'key-file': keyFile, 'state-dir': stateDir, 'ledger-url': ledgerUrl, 'nats-url': natsUrl, 'nats-seed': natsSeed, 'settle-seconds': String(2 * secondsOf(walSeconds)) };
  return [...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])), ...copy.flatMap((place) => ['--copy', place])];
}

async function serve(options: ServeOptions, io: Io, output: Output): Promise<void> {
  const givenPort = options.port ?? io.env['COUNTERSIGN_BACKUP_PORT'] ?? DEFAULT_PORT;
  const port = Number(givenPort);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) throw usageError(`${givenPort} is not a port`);
  drillDaysOf(options);
  const archive = { ...(await openArchive(options, io)), serverUrl: serverUrlOf(options, io) };
  // A wrong key is told at once, not tried again.
  const { isGoverned } = await readCatalogue(archive.stores[0]!, archive.key);
  const natsSeed = retentionSeedOf(options, io);
  if (isGoverned && natsSeed === undefined) throw new BackupFault('BACKUP_GOVERNED', 'retention decides what becomes of the backups of this archive: name its seed on the bus with --nats-seed');
  const retention = natsSeed === undefined ? undefined : await answerRetention({ ...options, natsSeed }, archive, io, output);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const loop = new BackupLoop(archive, retention, options, io, output, stopping.signal);
  const http = createOperations({ metrics: loop.registry, readiness: async () => ({ ready: true, checks: {} }) });
  await http.listen({ host: options.host ?? io.env['COUNTERSIGN_BACKUP_HOST'] ?? '127.0.0.1', port });
  try {
    await loop.run();
  } finally {
    await http.close();
    await retention?.stop();
    for (const store of archive.stores) store.close();
  }
  output.result({ ok: true }, () => ['stopped']);
}

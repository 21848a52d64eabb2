import { archiveWal, closeBackups, KEEP_RULES_DEFAULT, nextBackupMs, nextDrillMs, pruneBackups, readCatalogue, readDrills, takeBackup } from '@countersign/backup';
import type { LedgerCheckpoint } from '@countersign/backup';
import type { Logger } from '@countersign/runtime';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { AnsweredRetention } from './answer-retention.js';
import type { OpenArchive } from './place.js';
import { runDrill } from './run-drill.js';

const LOOK_MS = 5_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/** A backup without the log is worth less, and more than none. */
const STREAM_LIMIT_MS = 60_000;
/** A drill that failed is looked at by somebody, and not the next minute. */
const DRILL_RETRY_MS = 6 * 3_600_000;

/** What `countersign backup serve` was told. */
export interface LoopOptions {
  readonly everyMs: number;
  /** The log is in the archive after this time. */
  readonly pieceMs: number;
  /** Undefined: none is made. */
  readonly drills: { readonly everyMs: number; readonly args: readonly string[]; readonly scratch: string } | undefined;
  /** What each ledger has signed by now. */
  readonly checkpoints: () => Promise<readonly LedgerCheckpoint[]>;
}

/** Archives the log, takes backups and restores them for practice, each when it is due, and tells of it; what fails is tried again. */
export class BackupLoop {
  readonly #told: ReturnType<typeof loopMetrics>;
  #stream: string | undefined;
  #isArchiving = false;

  /** @param retention decides what becomes of a backup that no rule keeps; undefined: it goes at once */
  constructor(
    private readonly archive: OpenArchive & { readonly serverUrl: string },
    private readonly retention: AnsweredRetention | undefined,
    private readonly options: LoopOptions,
    registry: Registry,
    private readonly log: Logger,
    private readonly signal: AbortSignal,
  ) {
    this.#told = loopMetrics(registry);
  }

  /** Whether the log is on its way into the archive. */
  get isArchiving(): boolean {
    return this.#isArchiving;
  }

  /** All go on until they are told to stop. */
  async run(): Promise<void> {
    await Promise.all([
      this.#again('log', () => this.#archiveLog()),
      this.#again('backup', () => this.#backups()),
      this.#again('retention', async () => this.retention?.register(), 'once'),
      this.#drills(),
    ]);
  }

  async #archiveLog(): Promise<void> {
    const onStream = (stream: string): void => {
      this.#stream = stream;
      this.#isArchiving = true;
    };
    try {
      await archiveWal({ ...this.archive, pieceMs: this.options.pieceMs, now: () => new Date(), signal: this.signal, onStream, onCaughtUp: (at) => this.#told.archived.set(at.getTime() / 1_000) });
    } finally {
      this.#isArchiving = false;
    }
  }

  async #backups(): Promise<void> {
    const startedMs = performance.now();
    // What was decided is finished, and from now on nothing goes without an order.
    await this.retention?.resume();
    if (this.retention !== undefined) await this.#prune();
    for (;;) {
      const { backups } = await readCatalogue(this.archive.stores[0]!, this.archive.key);
      if (backups[0] !== undefined) this.#told.last.set(Date.parse(backups[0].takenAt) / 1_000);
      const drilled = (await readDrills(this.archive.stores[0]!, this.archive.key)).find(({ outcome }) => outcome === 'success');
      if (drilled !== undefined) this.#told.drill.set(Date.parse(drilled.at) / 1_000);
      if (this.signal.aborted) return;
      const isLogSettled = this.#stream !== undefined || performance.now() - startedMs > STREAM_LIMIT_MS;
      if (isLogSettled && Date.now() >= nextBackupMs(backups, this.#stream, this.options.everyMs)) await this.#backup();
      else await this.#pause(LOOK_MS);
    }
  }

  async #drills(): Promise<void> {
    if (this.options.drills === undefined) return;
    const { stores: [store], key } = this.archive;
    const { everyMs, ...how } = this.options.drills;
    for (let dueMs = 0; !this.signal.aborted; await this.#pause(LOOK_MS)) {
      try {
        const [{ backups }, drills] = [await readCatalogue(store!, key), await readDrills(store!, key)];
        // One that the log does not follow is behind what was signed meanwhile, and proves nothing.
        const isFollowed = this.#stream !== undefined && backups[0]?.wal?.stream === this.#stream;
        if (!isFollowed || Date.now() < Math.max(dueMs, nextDrillMs(drills, everyMs, DRILL_RETRY_MS))) continue;
        // Whatever becomes of it, and also when that cannot be written down.
        dueMs = Date.now() + DRILL_RETRY_MS;
        await runDrill({ ...how, onLine: (line) => this.log.info({ line }, 'drill'), signal: this.signal });
      } catch (error) {
        this.#told.failures.inc({ what: 'drill' });
        this.log.error({ err: error, again: DRILL_RETRY_MS / 1_000 }, 'the drill failed');
      }
    }
  }

  async #backup(): Promise<void> {
    const { id, clearBytes } = await takeBackup({ ...this.archive, checkpoints: this.options.checkpoints, now: () => new Date(), onProgress: () => undefined });
    this.log.info({ backup: id, clearBytes }, 'backup taken');
    await this.#prune();
  }

  async #prune(): Promise<void> {
    const rules = KEEP_RULES_DEFAULT;
    if (this.retention !== undefined) {
      for (const one of await closeBackups({ ...this.archive, rules, now: new Date() })) this.log.info({ backup: one }, 'no rule keeps it any more');
      return;
    }
    const { removed } = await pruneBackups({ ...this.archive, rules, isDryRun: false });
    for (const one of removed) this.log.info({ backup: one }, 'gone');
  }

  async #again(what: string, work: () => Promise<void>, until?: 'once'): Promise<void> {
    for (let pauseMs = RETRY_MS_MIN; !this.signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      const startedMs = performance.now();
      try {
        await work();
        if (until === 'once') return;
      } catch (error) {
        this.#told.failures.inc({ what });
        this.log.error({ err: error, what, again: pauseMs / 1_000 }, 'failed, and is tried again');
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

function loopMetrics(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  return {
    last: gauge('countersign_backup_last_timestamp_seconds', 'When the newest listed backup was taken'),
    archived: gauge('countersign_backup_log_archived_timestamp_seconds', 'Everything written to the log before is in the archive'),
    drill: gauge('countersign_backup_drill_timestamp_seconds', 'When a backup was last restored and proved'),
    failures: new Counter({ name: 'countersign_backup_failures_total', help: 'What failed and is tried again', labelNames: ['what'], registers }),
  };
}

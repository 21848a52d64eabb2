import { setTimeout as sleep } from 'node:timers/promises';
import { ChainFault } from '@countersign/chain';
import type { Verdict } from '@countersign/contracts';
import type { Ledger } from '../append/head.js';
import { claimedState } from './claimed-state.js';
import { judgeOpening, runPass, type PassDependencies, type PassOutcome } from './pass.js';
import type { SavedState } from './saved-state.js';
import type { VerifyProgress, VerifyProgressStore } from './progress-store.js';

/** A grown tail waits at most about this long for its verification (requirement: 60 s). */
export const TAIL_INTERVAL_MS = 15_000;
const TICK_MS = 1_000;
/** Whoever was away when a ledger was found broken hears of it so much later at most. */
const SAY_AGAIN_MS = 60_000;
/** A pass under way is abandoned after this long: a whole history may take hours, and goes on where it stopped. */
const STOP_WAIT_MS = 2_000;

export interface VerificationOptions {
  readonly pass: PassDependencies;
  readonly progress: VerifyProgressStore;
  /** Time between two passes over the whole history. */
  readonly fullIntervalMs: number;
  readonly tailIntervalMs?: number;
  /** How often it looks for what is due. */
  readonly tickMs?: number;
  /** Durable on return: stored, published, and if `toLedger` recorded in the system ledger in time. */
  readonly record: (ledger: Ledger, verdict: Verdict, toLedger: boolean) => Promise<void>;
  readonly onBroken: (ledger: Ledger, verdict: Verdict) => Promise<void>;
  /** The last verdict, said again and again while it is `broken`. Never waits. */
  readonly onStillBroken: (verdict: Verdict) => void;
  /** Time between two of those. */
  readonly sayAgainMs?: number;
  /** A full pass found a broken ledger intact again. */
  readonly onIntactAgain: (ledger: Ledger) => Promise<void>;
  readonly onError: (ledger: Ledger, error: unknown) => void;
}

/** What is known about one ledger between passes. */
interface Watch {
  readonly ledger: Ledger;
  progress: VerifyProgress;
  latest: Verdict | undefined;
  saidMs: number;
  /** When the oldest event that no pass has covered was recorded; undefined when all are covered. */
  unverifiedSinceMs: number | undefined;
  lastTailMs: number;
  queue: Promise<unknown>;
  queued: number;
  /** A pass from leaf 0 has to judge what was found otherwise, or before the service stopped. */
  fullWanted: boolean;
  /** Opened without appends, before any verdict, because its ends do not hold. */
  isSuspect: boolean;
  /** What a verdict asks for and has not been done yet, in order: tried again until it is. */
  consequences: (() => Promise<void>)[];
}

/** Verifies every ledger by itself: the tail soon after it grew, the whole history on a cycle, a range when asked. */
export class Verification {
  private readonly watches = new Map<string, Watch>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly options: VerificationOptions) {}

  start(): void {
    this.timer = setInterval(() => this.tick(), this.options.tickMs ?? TICK_MS);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    const underway = Promise.allSettled([...this.watches.values()].map((w) => w.queue));
    await Promise.race([underway, sleep(STOP_WAIT_MS, undefined, { ref: false })]);
  }

  /**
   * Begins to watch a ledger. Says whether it must not be appended to: it was broken when the service stopped, or its
   * ends do not hold now, as after an older backup was restored. Then a full pass begins at once.
   */
  async watch(ledger: Ledger): Promise<{ readonly broken: boolean }> {
    const progress = await this.options.progress.load(ledger.tenant);
    const { broken } = progress;
    const isSuspect = broken === undefined && (await judgeOpening(ledger, this.options.pass)) !== undefined;
    const known = this.watches.get(ledger.tenant);
    if (known !== undefined) return { broken: known.latest?.verdict === 'broken' || known.isSuspect };
    const fullWanted = isSuspect || broken !== undefined;
    const watch: Watch = { ledger, progress, latest: broken, saidMs: 0, unverifiedSinceMs: this.nowMs(), lastTailMs: 0, queue: Promise.resolve(), queued: 0, fullWanted, isSuspect, consequences: [] };
    this.watches.set(ledger.tenant, watch);
    if (fullWanted) this.inBackground(watch, () => this.full(watch, true));
    return { broken: fullWanted };
  }

  /** Events were committed that no pass has seen. */
  grew(ledger: Ledger): void {
    const watch = this.watches.get(ledger.tenant);
    if (watch !== undefined) watch.unverifiedSinceMs ??= this.nowMs();
  }

  latest(tenant: string): Verdict | undefined {
    return this.watches.get(tenant)?.latest;
  }

  /** For the metrics: verdict, age of the oldest unverified event in seconds, last full pass. */
  *status(): Generator<{ tenant: string; intact: boolean | undefined; unverifiedSeconds: number; lastFullAt: string | undefined }> {
    for (const { ledger, latest, unverifiedSinceMs, progress } of this.watches.values()) {
      const unverifiedSeconds = unverifiedSinceMs === undefined ? 0 : Math.max(0, (this.nowMs() - unverifiedSinceMs) / 1000);
      yield { tenant: ledger.tenant, intact: latest === undefined ? undefined : latest.verdict === 'intact', unverifiedSeconds, lastFullAt: progress.lastFullAt };
    }
  }

  /** Verifies leaves [fromIndex, toIndex) now; everything when both are absent. Throws RangeError for a range that is none. */
  async verifyNow(tenant: string, range: { readonly fromIndex?: number; readonly toIndex?: number }): Promise<Verdict> {
    const watch = this.watches.get(tenant);
    if (watch === undefined) throw new RangeError(`no ledger ${tenant}`);
    if (range.fromIndex === undefined && range.toIndex === undefined) return this.inTurn(watch, () => this.full(watch, true));
    return this.inTurn(watch, () => this.range(watch, range.fromIndex ?? 0, range.toIndex));
  }

  private tick(): void {
    const now = this.nowMs();
    for (const watch of this.watches.values()) {
      this.sayAgain(watch, now);
      if (watch.queued > 0) continue;
      if (watch.consequences.length > 0) {
        // They are carried out before anything else in a turn.
        this.inBackground(watch, async () => undefined);
        continue;
      }
      const lastFullMs = watch.progress.lastFullAt === undefined ? 0 : Date.parse(watch.progress.lastFullAt);
      const tailDue = watch.unverifiedSinceMs !== undefined && now - watch.lastTailMs >= (this.options.tailIntervalMs ?? TAIL_INTERVAL_MS);
      if (watch.fullWanted || now - lastFullMs >= this.options.fullIntervalMs) this.inBackground(watch, () => this.full(watch, watch.fullWanted));
      else if (tailDue && watch.latest?.verdict !== 'broken') this.inBackground(watch, () => this.tail(watch));
    }
  }

  /** Messages of verdicts are not stored: one alone would be missed by whoever is being started anew. */
  private sayAgain(watch: Watch, now: number): void {
    if (watch.latest?.verdict !== 'broken' || now - watch.saidMs < (this.options.sayAgainMs ?? SAY_AGAIN_MS)) return;
    watch.saidMs = now;
    this.options.onStillBroken(watch.latest);
  }

  private inBackground(watch: Watch, pass: () => Promise<unknown>): void {
    this.inTurn(watch, pass).catch((error: unknown) => {
      if (!this.stopped) this.options.onError(watch.ledger, error);
    });
  }

  /** One pass at a time a ledger. */
  private inTurn<T>(watch: Watch, pass: () => Promise<T>): Promise<T> {
    watch.queued += 1;
    const begin = async (): Promise<T> => {
      if (this.stopped) throw new Error('verification has stopped');
      await this.carryOut(watch);
      return pass();
    };
    const turn = watch.queue.then(begin).finally(() => (watch.queued -= 1));
    watch.queue = turn.catch(() => undefined);
    return turn;
  }

  private async tail(watch: Watch): Promise<Verdict> {
    const startedMs = this.nowMs();
    watch.lastTailMs = startedMs;
    const start = watch.progress.verified;
    const outcome = await runPass({ ledger: watch.ledger, kind: 'tail', start, fromIndex: start?.index ?? 0 }, this.options.pass);
    await this.settle(watch, outcome, startedMs, false);
    return outcome.verdict;
  }

  /** From leaf 0; a pass that was interrupted goes on where it stopped, unless a fresh one is wanted. */
  private async full(watch: Watch, fresh: boolean): Promise<Verdict> {
    const startedMs = this.nowMs();
    const wasBroken = watch.latest?.verdict === 'broken' || watch.isSuspect;
    const resume = fresh || watch.latest?.verdict === 'broken' ? undefined : watch.progress.full;
    const outcome = await runPass(
      {
        ledger: watch.ledger,
        kind: 'full',
        wasBroken,
        start: resume,
        fromIndex: resume?.index ?? 0,
        destroyed: resume === undefined ? undefined : watch.progress.fullDestroyed,
        onProgress: async (full, fullDestroyed) => this.save(watch, { ...watch.progress, full, fullDestroyed }),
      },
      this.options.pass,
    );
    await this.settle(watch, outcome, startedMs, true);
    return outcome.verdict;
  }

  private async range(watch: Watch, fromIndex: number, toIndex: number | undefined): Promise<Verdict> {
    if (toIndex !== undefined && toIndex <= fromIndex) throw new RangeError('toIndex must be above fromIndex');
    const { pool } = this.options.pass;
    const client = await pool.connect();
    let start: SavedState | undefined;
    try {
      start = await claimedState(client, watch.ledger, fromIndex);
    } catch (error) {
      // What cannot even be started from is for the whole pass to name.
      if (!(error instanceof ChainFault)) throw error;
    } finally {
      client.release();
    }
    const from = start?.index ?? 0;
    const outcome = await runPass({ ledger: watch.ledger, kind: 'range', start, fromIndex: from, toIndex }, this.options.pass);
    await this.settle(watch, outcome, undefined, false);
    return outcome.verdict;
  }

  private async settle(watch: Watch, { verdict, end, committedSize = Infinity }: PassOutcome, startedMs: number | undefined, full: boolean): Promise<void> {
    const before = watch.latest?.verdict;
    const intact = verdict.verdict === 'intact';
    const wasStopped = before === 'broken' || watch.isSuspect;
    // What a pass meets that began in the middle may have begun before: only the whole history tells where.
    watch.fullWanted = full && verdict.fromIndex === 0 ? false : watch.fullWanted || !intact;
    if (full) watch.isSuspect = false;
    // A good tail or range does not undo a break: only the whole history does.
    const stillBroken = before === 'broken' && intact && !full;
    if (!stillBroken) watch.latest = verdict;
    const lastFullAt = full ? verdict.finishedAt : watch.progress.lastFullAt;
    if (!intact) {
      const progress = { verified: watch.progress.verified, lastFullAt, broken: verdict };
      // Side by side: a full disk must not keep the appender running, nor a database that is away the verdict from the disk.
      watch.consequences.push(async () => {
        await Promise.all([this.save(watch, progress), this.options.onBroken(watch.ledger, verdict)]);
      });
    } else if (startedMs !== undefined && !stillBroken) {
      // Events that were committed and not yet signed when the pass began are still owed one.
      const isCaughtUp = verdict.toIndex >= committedSize;
      if (watch.unverifiedSinceMs !== undefined && watch.unverifiedSinceMs <= startedMs) watch.unverifiedSinceMs = isCaughtUp ? undefined : startedMs;
      await this.save(watch, { verified: end ?? watch.progress.verified, lastFullAt, ...(full ? {} : { full: watch.progress.full, fullDestroyed: watch.progress.fullDestroyed }) });
    }
    const changed = !stillBroken && before !== undefined && before !== verdict.verdict;
    const firstBreak = before === undefined && !intact;
    watch.consequences.push(() => this.options.record(watch.ledger, verdict, full || changed || firstBreak));
    if (intact && full && wasStopped) watch.consequences.push(() => this.options.onIntactAgain(watch.ledger));
    await this.carryOut(watch);
  }

  private async carryOut({ consequences }: Watch): Promise<void> {
    for (let next = consequences[0]; next !== undefined; next = consequences[0]) {
      await next();
      consequences.shift();
    }
  }

  private async save(watch: Watch, progress: VerifyProgress): Promise<void> {
    watch.progress = progress;
    await this.options.progress.save(watch.ledger.tenant, progress);
  }

  private nowMs(): number {
    return this.options.pass.now().getTime();
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { IndexDuty, PgIndexStore } from '../store/pg-index-store.js';
import type { PgProducers } from '../store/pg-producers.js';

export const INDEX_BATCH_ENTRIES_MAX = 1_000;
/** Batches for one ledger before the next one gets its turn. */
const TURN_BATCHES_MAX = 8;
/** While appends are busy, the indexer works a tenth of the time. */
const REST_PER_WORK_WHEN_BUSY = 9;
const REST_MS_MAX = 2_000;
const IDLE_MS_DEFAULT = 250;
const RETRY_MS = 2_000;
export const GAP_GRACE_MS_DEFAULT = 60_000;

export interface IndexerDependencies {
  readonly store: PgIndexStore;
  readonly producers: PgProducers;
  /** Whether appends need the machine now. */
  readonly isBusy: () => boolean;
  readonly onIndexed: (tenant: string, entries: number, unreadable: number) => void;
  /** The store failed; the same work is tried again. */
  readonly onError: (error: unknown) => void;
  /** A missing sequence number is reported once it was missing for this long, at the latest after twice this time. */
  readonly gapGraceMs?: number;
  /** Time between looks at the heads when nothing is left to index. */
  readonly idleMs?: number;
}

/**
 * Keeps the search index up with the ledgers, outside the append transaction: an index that lags costs a reader some
 * seconds, an append that waits for an index costs a producer its receipt.
 */
export class Indexer {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private readonly idleMs: number;
  private readonly gapGraceMs: number;

  constructor(private readonly deps: IndexerDependencies) {
    this.idleMs = deps.idleMs ?? IDLE_MS_DEFAULT;
    this.gapGraceMs = deps.gapGraceMs ?? GAP_GRACE_MS_DEFAULT;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when the batch in work is done. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** One look at every ledger. Says whether there may be more to do at once. */
  async pass(): Promise<boolean> {
    let more = false;
    for (const duty of await this.deps.store.duties(this.gapGraceMs)) {
      if (this.isStopping()) return false;
      const reached = await this.turn(duty);
      if (reached < duty.treeSize) more = true;
      // Everything that was committed when this pass began is indexed: a number still missing now truly is.
      else if (duty.gapsDue) await this.deps.producers.checkGaps(duty.ledger, this.gapGraceMs);
    }
    return more;
  }

  private async turn({ ledger, treeSize, indexedSize }: IndexDuty): Promise<number> {
    let reached = indexedSize;
    for (let i = 0; i < TURN_BATCHES_MAX && reached < treeSize && !this.isStopping(); i++) {
      const startedAt = performance.now();
      const batch = await this.deps.store.indexBatch(ledger, treeSize, INDEX_BATCH_ENTRIES_MAX);
      if (batch === undefined) break;
      this.deps.onIndexed(ledger.tenant, batch.indexedSize - reached, batch.unreadable);
      reached = batch.indexedSize;
      await this.rest(restMsAfter(performance.now() - startedAt, this.deps.isBusy()));
    }
    return reached;
  }

  private async run(): Promise<void> {
    while (!this.isStopping()) {
      try {
        const more = await this.pass();
        if (!more) await this.rest(this.idleMs);
      } catch (error) {
        this.deps.onError(error);
        await this.rest(RETRY_MS);
      }
    }
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async rest(ms: number): Promise<void> {
    if (ms === 0) return;
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

/** Milliseconds to leave the machine to others after working for `workedMs`. */
export function restMsAfter(workedMs: number, isBusy: boolean): number {
  return isBusy ? Math.min(workedMs * REST_PER_WORK_WHEN_BUSY, REST_MS_MAX) : 0;
}

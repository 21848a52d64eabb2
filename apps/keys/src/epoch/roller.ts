import { setTimeout as sleep } from 'node:timers/promises';
import { withTransaction, type Pool } from '@countersign/postgres';
import { beginEpoch, countOldRows, lockOldRows, readEpoch, rewriteRows } from '../store/subject-rows.js';
import type { EpochFiles } from './epoch-files.js';
import type { ErasureJournal } from './erasure-journal.js';
import { unwrapOuter, wrapOuter } from './subject-wrap.js';

const BATCH_ROWS = 500;
/** Locked rows of another instance are waited for this long before they are looked for again. */
const BUSY_PAUSE_MS = 50;

/** Where a roll stands; told before the step is taken. */
export type RollStep = 'make-key' | 'begin-epoch' | 'rewrap-batch' | 'destroy-old-keys' | 'done';

export interface RollerDependencies {
  readonly pool: Pool;
  readonly files: EpochFiles;
  readonly journal: ErasureJournal;
  readonly now: () => Date;
  /** Rows a second at most, so that a roll leaves room for requests. */
  readonly rowsPerSecondMax: number;
  readonly observe?: (step: RollStep) => void;
}

/**
 * Rolls the epoch: a new key, every row under it, the old keys destroyed. Whoever holds an older copy of the database
 * can then open none of its rows. Killed anywhere, it goes on from what is stored.
 */
export class Roller {
  #running: Promise<number> | undefined;
  #stopping = false;

  constructor(private readonly deps: RollerDependencies) {}

  /** Makes the first epoch, or finishes a roll that a crash has interrupted. Throws EpochKeyMissing. */
  async open(): Promise<void> {
    const { pool, files, now } = this.deps;
    const { current } = await readEpoch(pool);
    if (current > 0) {
      await files.key(current);
      return;
    }
    await files.ensure(1);
    await beginEpoch(pool, 0, now());
    await files.key(1);
  }

  /** Rolls now, or joins the roll under way. The epoch that it ended in. */
  roll(): Promise<number> {
    this.#running ??= this.#begin().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Finishes what an earlier roll has left; does nothing when there is nothing. */
  async resume(): Promise<void> {
    const { current } = await readEpoch(this.deps.pool);
    const left = (await this.deps.files.numbers()).some((number) => number < current) || (await countOldRows(this.deps.pool, current)) > 0;
    if (left) await (this.#running ??= this.#finish(current).finally(() => (this.#running = undefined)));
  }

  /** Ends after the batch at hand; what is left is finished after the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running?.catch(() => undefined);
  }

  async #begin(): Promise<number> {
    const { pool, files, now } = this.deps;
    const { current } = await readEpoch(pool);
    this.#observe('make-key');
    await files.ensure(current + 1);
    this.#observe('begin-epoch');
    // From the commit on, new rows are made under the new key.
    await beginEpoch(pool, current, now());
    return this.#finish((await readEpoch(pool)).current);
  }

  async #finish(epoch: number): Promise<number> {
    const { pool, files, journal } = this.deps;
    while (!this.#stopping) {
      this.#observe('rewrap-batch');
      const startedMs = performance.now();
      const rewrapped = await this.#rewrapBatch(epoch);
      if (rewrapped === 0) {
        if ((await countOldRows(pool, epoch)) === 0) break;
        await sleep(BUSY_PAUSE_MS);
        continue;
      }
      const spentMs = performance.now() - startedMs;
      await sleep(Math.max(0, (rewrapped / this.deps.rowsPerSecondMax) * 1_000 - spentMs));
    }
    if (this.#stopping) return epoch;
    this.#observe('destroy-old-keys');
    await files.destroyBefore(epoch);
    await journal.forgetBefore(epoch);
    this.#observe('done');
    return epoch;
  }

  #rewrapBatch(epoch: number): Promise<number> {
    const { pool, files } = this.deps;
    return withTransaction(pool, async (client) => {
      const rows = await lockOldRows(client, epoch, BATCH_ROWS);
      if (rows.length === 0) return 0;
      const to = await files.key(epoch);
      const rewritten = [];
      for (const row of rows) rewritten.push({ ...row, wrapped: wrapOuter(to, row, unwrapOuter(await files.key(row.epoch), row, row.wrapped)) });
      await rewriteRows(client, epoch, rewritten);
      return rows.length;
    });
  }

  #observe(step: RollStep): void {
    this.deps.observe?.(step);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@countersign/postgres';
import type { Logger } from '@countersign/runtime';
import type { Sweeper, Swept } from './sweeper.js';

/** Of retention, in its own database: one instance sweeps at a time. */
const SWEEP_LOCK = 0x73_77_65_65;

export interface SweepLoopOptions {
  readonly pool: Pool;
  readonly sweeper: Sweeper;
  readonly pauseMs: number;
  readonly log: Logger;
  readonly swept: (at: Date) => void;
  readonly now: () => Date;
}

/** Sweeps again and again, as long as this instance has the lock. */
export class SweepLoop {
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly options: SweepLoopOptions) {}

  start(): void {
    this.#running = this.#run();
  }

  /** Waits for the order that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.options.sweeper.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { pauseMs, log, swept, now } = this.options;
    while (!this.#stopping.signal.aborted) {
      try {
        const done = await this.#sweepAlone();
        if (done !== undefined) {
          swept(now());
          if (done.resources > 0 || done.failures > 0) log.info({ ...done }, 'swept');
        }
      } catch (error) {
        log.warn({ err: error }, 'a sweep broke off, the next one goes on');
      }
      await sleep(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  /** Undefined: another instance is at it. */
  async #sweepAlone(): Promise<Swept | undefined> {
    const client = await this.options.pool.connect();
    // Idle while it sweeps: a server that restarts would end this process. Without the lock another one may sweep too, which does no harm.
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [SWEEP_LOCK]);
      if (rows[0]?.locked !== true) return undefined;
      try {
        return await this.options.sweeper.sweep();
      } finally {
        // What cannot be unlocked must not go back to the pool, locked.
        await client.query('SELECT pg_advisory_unlock($1)', [SWEEP_LOCK]).catch((error: Error) => (broken = error));
      }
    } finally {
      client.removeListener('error', onError);
      client.release(broken);
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';

/** However long the last piece took: an order has only so much time. */
const WAIT_MS_MAX = 5_000;

/** Appends come first: while they wait, background work rests for as long as it has worked. */
export class FairShare {
  #owedMs = 0;

  constructor(private readonly isBusy: () => boolean) {}

  /** Resolves when it is the turn of a piece of work. */
  async turn(): Promise<void> {
    const owedMs = Math.min(this.#owedMs, WAIT_MS_MAX);
    this.#owedMs = 0;
    if (owedMs > 0 && this.isBusy()) await sleep(owedMs);
  }

  /** Does some of it, and counts how long it takes. */
  async work<T>(piece: () => Promise<T>): Promise<T> {
    const startMs = performance.now();
    try {
      return await piece();
    } finally {
      this.#owedMs += performance.now() - startMs;
    }
  }
}

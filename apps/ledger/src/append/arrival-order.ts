import { setTimeout as sleep } from 'node:timers/promises';

/** As long as this a message waits for one before it; a key service that does not answer must not hold up who needs no key. */
export const ORDER_WAIT_MS_MAX = 250;

/** Keeps what is prepared side by side in the order in which it came. */
export class ArrivalOrder {
  private last: Promise<void> | undefined;

  /** Resolves, or rejects, as `work` does, once all that came before has, or has been waited for long enough. */
  keep<T>(work: Promise<T>): Promise<T> {
    const mine = follow(this.last, work);
    const over = mine.then(noop, noop).then(() => {
      if (this.last === over) this.last = undefined;
    });
    this.last = over;
    return mine;
  }
}

async function follow<T>(before: Promise<void> | undefined, work: Promise<T>): Promise<T> {
  // Seen below; until then a rejection must not count as unhandled.
  work.catch(noop);
  if (before !== undefined) {
    const waited = new AbortController();
    await Promise.race([before, sleep(ORDER_WAIT_MS_MAX, undefined, { signal: waited.signal }).catch(noop)]);
    waited.abort();
  }
  return work;
}

function noop(): void {
  // Whoever called hears of it.
}

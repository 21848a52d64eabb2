import { setImmediate as turn } from 'node:timers/promises';

export interface Rate {
  readonly operations: number;
  readonly perSecond: number;
}

/** Runs `batch` again and again for `seconds`, with a turn of the event loop between: leases are renewed meanwhile, as in a service. */
export async function rateOf(seconds: number, batch: () => Promise<number>): Promise<Rate> {
  const startMs = performance.now();
  let operations = 0;
  while (performance.now() - startMs < seconds * 1000) {
    operations += await batch();
    await turn();
  }
  return { operations, perSecond: (operations * 1000) / (performance.now() - startMs) };
}

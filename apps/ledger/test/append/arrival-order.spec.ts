import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArrivalOrder, ORDER_WAIT_MS_MAX } from '../../src/append/arrival-order.js';

/** Names in the order in which they were let through. */
async function through(order: ArrivalOrder, work: Readonly<Record<string, Promise<unknown>>>): Promise<string[]> {
  const seen: string[] = [];
  await Promise.all(Object.entries(work).map(([name, promise]) => order.keep(promise).then(() => seen.push(name), () => seen.push(`${name} failed`))));
  return seen;
}

describe('the order of arrival', () => {
  it('is kept whatever each takes', async () => {
    const order = new ArrivalOrder();
    expect(await through(order, { a: sleep(60), b: Promise.resolve(), c: sleep(20), d: Promise.resolve() })).toEqual(['a', 'b', 'c', 'd']);
    expect(await through(order, { e: Promise.resolve(), f: Promise.resolve() })).toEqual(['e', 'f']);
  });

  it('is kept by what follows a failure, which only its own caller hears of', async () => {
    expect(await through(new ArrivalOrder(), { a: sleep(40), b: Promise.reject(new Error('away')), c: Promise.resolve() })).toEqual(['a', 'b failed', 'c']);
  });

  it('does not make anybody wait for long', async () => {
    const order = new ArrivalOrder();
    const stuck = order.keep(sleep(4 * ORDER_WAIT_MS_MAX));
    const startMs = performance.now();
    await order.keep(Promise.resolve());
    expect(performance.now() - startMs).toBeLessThan(3 * ORDER_WAIT_MS_MAX);
    await stuck;
  });
});

import { describe, expect, it } from '@jest/globals';
import { KeyClientError, LeaseCache } from '@countersign/key-client';

interface Value {
  readonly id: number;
  spent: number;
}

function stand(entriesMax = 10) {
  const clock = { nowMs: 0 };
  const dropped: number[] = [];
  let fetched = 0;
  const cache = new LeaseCache<Value>({ entriesMax, monotonicMs: () => clock.nowMs, spent: ({ spent }) => spent, dropped: ({ id }) => dropped.push(id) });
  const fetch = async (): Promise<{ value: Value; ttlMs: number }> => ({ value: { id: ++fetched, spent: 0 }, ttlMs: 1_000 });
  return { clock, dropped, cache, fetch, fetches: () => fetched };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a cache of leases', () => {
  it('asks once for many who wait', async () => {
    const { cache, fetch, fetches } = stand();
    const values = await Promise.all(Array.from({ length: 50 }, () => cache.get('a', fetch)));
    expect([fetches(), new Set(values).size]).toEqual([1, 1]);
  });

  it('ends a lease at its time, however much it is used', async () => {
    const { cache, fetch, clock } = stand();
    await cache.get('a', fetch);
    for (clock.nowMs = 0; clock.nowMs < 700; clock.nowMs += 100) expect((await cache.get('a', fetch)).id).toBe(1);
    clock.nowMs = 1_000;
    expect(cache.peek('a')).toBeUndefined();
    expect((await cache.get('a', fetch)).id).toBe(2);
  });

  it('counts the time of a lease from when it was asked for, not from when it came', async () => {
    const { cache, clock } = stand();
    await cache.get('a', async () => {
      clock.nowMs = 900;
      return { value: { id: 1, spent: 0 }, ttlMs: 1_000 };
    });
    clock.nowMs = 1_000;
    expect(cache.peek('a')).toBeUndefined();
  });

  it('fetches ahead by time and by uses, and serves meanwhile what it has', async () => {
    const { cache, fetch, clock } = stand();
    await cache.get('a', fetch);
    clock.nowMs = 800;
    expect((await cache.get('a', fetch)).id).toBe(1);
    await turn();
    const second = await cache.get('a', fetch);
    expect(second.id).toBe(2);
    second.spent = 0.9;
    expect((await cache.get('a', fetch)).id).toBe(2);
    await turn();
    expect((await cache.get('a', fetch)).id).toBe(3);
  });

  it('calls nothing fresh that is to be fetched again', async () => {
    const { cache, fetch, clock } = stand();
    expect(cache.fresh('a')).toBeUndefined();
    const value = await cache.get('a', fetch);
    clock.nowMs = 799;
    expect(cache.fresh('a')?.id).toBe(1);
    value.spent = 0.8;
    expect([cache.fresh('a'), cache.peek('a')?.id]).toEqual([undefined, 1]);
    value.spent = 0;
    clock.nowMs = 800;
    expect([cache.fresh('a'), cache.peek('a')?.id]).toEqual([undefined, 1]);
  });

  it('does not serve what is spent', async () => {
    const { cache, fetch } = stand();
    (await cache.get('a', fetch)).spent = 1;
    expect((await cache.get('a', fetch)).id).toBe(2);
  });

  it('goes on with a lease while the service is away, and drops it when the service refuses', async () => {
    const { cache, fetch, clock } = stand();
    await cache.get('a', fetch);
    clock.nowMs = 900;
    const failing = (code: 'KEYS_UNAVAILABLE' | 'KEY_DESTROYED') => async (): Promise<never> => {
      throw new KeyClientError(code, code);
    };
    await cache.get('a', failing('KEYS_UNAVAILABLE'));
    await turn();
    expect(cache.peek('a')?.id).toBe(1);
    await cache.get('a', failing('KEY_DESTROYED'));
    await turn();
    expect(cache.peek('a')).toBeUndefined();
  });

  it('holds no more than its limit, and tells what it drops', async () => {
    const { cache, fetch, dropped } = stand(2);
    for (const name of ['a', 'b', 'c']) await cache.get(name, fetch);
    expect(cache.values().length).toBe(2);
    cache.clear();
    expect(dropped.sort()).toEqual([1, 2, 3]);
  });
});

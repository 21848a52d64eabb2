import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { redisProgram, startRedis, type RedisServer } from '@countersign/devstack';
import fc from 'fast-check';
import { FallbackAttempts, MemoryAttempts, RedisAttempts, type Attempts } from '../src/index.js';
import { attemptsContract } from './contract.js';

const POLL_MS = 10;
const program = redisProgram();

if (program === undefined) {
  it('left out, because there is no redis-server in PATH (Debian: apt-get install redis-server)', () => {
    expect(program).toBeUndefined();
  });
} else {
  let server: RedisServer;
  let redis: RedisAttempts;
  beforeAll(async () => {
    server = await startRedis(program);
    redis = await openRedis(server.url);
  }, 30_000);
  afterAll(async () => {
    await redis.close();
    await server.stop();
  }, 30_000);

  attemptsContract('attempts in Redis', () => openRedis(server.url));

  describe('attempts in Redis', () => {
    it('are counted for all processes together', async () => {
      const other = await openRedis(server.url);
      const begun = await Promise.all(Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? redis : other).begin({ id: `p${at}`, keys: ['shared'], atMs: 1_000_000 })));
      expect(begun.filter(({ isLocked }) => !isLocked).length).toBe(5);
      await other.close();
    });

    it('do in every course of things what those in memory do', async () => {
      let run = 0;
      const step = fc.record({ keys: fc.subarray(['x', 'y', 'z'], { minLength: 1 }), waitMs: fc.constantFrom(0, 1, 30_000, 60_000, 900_000, 86_400_000), isRight: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          const memory = new MemoryAttempts();
          const prefix = `run${++run}`;
          let atMs = 1_800_000_000_000;
          for (const [at, { keys, waitMs, isRight }] of steps.entries()) {
            atMs += waitMs;
            const attempt = { id: `${prefix}-${at}`, keys: keys.map((key) => `${prefix}-${key}`), atMs };
            expect(await redis.begin(attempt)).toEqual(await memory.begin(attempt));
            if (!isRight || at % 3 !== 0) continue;
            for (const attempts of [redis, memory] as Attempts[]) await attempts.succeed(attempt, attempt.keys.slice(0, 1));
          }
          for (const key of ['x', 'y', 'z']) expect(await redis.look(`${prefix}-${key}`, atMs)).toEqual(await memory.look(`${prefix}-${key}`, atMs));
        }),
        { numRuns: 40 },
      );
    });

    it('go on in memory while Redis is away, and in Redis when it is back', async () => {
      const degraded: boolean[] = [];
      const first = await openRedis(server.url);
      const attempts = new FallbackAttempts(first, new MemoryAttempts(), { onDegraded: (isDegraded) => degraded.push(isDegraded) });
      const begin = async (at: number) => (await attempts.begin({ id: `f${at}`, keys: ['fallback'], atMs: 2_000_000 })).isLocked;
      expect(await begin(0)).toBe(false);
      await server.kill();
      const locked: boolean[] = [];
      for (let at = 1; at <= 6; at++) locked.push(await begin(at));
      expect([locked, degraded]).toEqual([[false, false, false, false, false, true], [true]]);
      await server.start();
      // Nobody has to sign in for it to be known.
      for (const endMs = performance.now() + 30_000; degraded.length < 2 && performance.now() < endMs; ) await sleep(POLL_MS);
      expect(degraded).toEqual([true, false]);
      await attempts.close();
    }, 60_000);
  });
}

/** Connected: a store that is not yet refuses. */
async function openRedis(url: string): Promise<RedisAttempts> {
  const attempts = new RedisAttempts({ url });
  for (const endMs = performance.now() + 30_000; performance.now() < endMs; ) {
    const isThere = await attempts.look('anything', 0).then(() => true, () => false);
    if (isThere) return attempts;
    await sleep(POLL_MS);
  }
  throw new Error('no connection to redis-server');
}

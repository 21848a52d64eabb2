import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redisProgram, startRedis, type RedisServer } from '@countersign/devstack';
import type { Redis } from 'ioredis';
import { EdgeFault } from '../src/http/edge-fault.js';
import { Idempotency } from '../src/http/idempotency.js';
import { isCommandDone, isOutcomeOpen } from '../src/http/problem.js';
import { LIMITS, RateLimits } from '../src/http/rate-limits.js';
import { connectRedis, RedisIdempotency, redisLimiter } from '../src/http/redis-stores.js';
import { idempotencyContract } from './idempotency-contract.js';

const POLL_MS = 10;
const program = redisProgram();
const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error instanceof EdgeFault ? error.code : String(error)));

if (program === undefined) {
  it('left out, because there is no redis-server in PATH (Debian: apt-get install redis-server)', () => {
    expect(program).toBeUndefined();
  });
} else {
  let server: RedisServer;
  let connections: Redis[];
  beforeAll(async () => {
    server = await startRedis(program);
    connections = await Promise.all([connected(), connected()]);
  }, 30_000);
  afterAll(async () => {
    for (const redis of connections) redis.disconnect();
    await server.stop();
  }, 30_000);

  idempotencyContract('an Idempotency-Key, in Redis', async (times) => new RedisIdempotency(connections[0]!, times));

  describe('what edges share in Redis', () => {
    const WARN = { warn: () => undefined };
    const MADE = { status: 204, body: undefined, type: undefined };

    it('is an Idempotency-Key: one edge carries out, another answers', async () => {
      const [one, other] = connections.map((redis) => new Idempotency({ store: new RedisIdempotency(redis), isOpen: isOutcomeOpen, isDone: isCommandDone, log: WARN }));
      const scope = { principal: 'shared', route: 'POST /v1/x', key: 'k', body: null };
      expect(await one!.once(scope, async () => MADE)).toMatchObject({ repeated: false });
      expect(await other!.once(scope, async () => MADE)).toMatchObject({ repeated: true, status: 204 });
    });

    it('is a limit', async () => {
      const [one, other] = connections.map((redis) => new RateLimits(redisLimiter(redis)));
      const { ip } = LIMITS.guess;
      const codes = await Promise.all(Array.from({ length: ip + 2 }, (_, at) => codeOf((at % 2 === 0 ? one! : other!).count('guess', 'ip', '192.0.2.1'))));
      expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(2);
    });

    it('is neither while Redis is away: limits are each edge\'s own, and an Idempotency-Key is refused', async () => {
      const redis = await connected();
      const [limits, keys] = [new RateLimits(redisLimiter(redis)), new Idempotency({ store: new RedisIdempotency(redis), isOpen: isOutcomeOpen, isDone: isCommandDone, log: WARN })];
      await server.kill();
      const scope = { principal: 'away', route: 'POST /v1/x', key: 'k', body: null };
      let done = 0;
      const once = () => codeOf(keys.once(scope, async () => ((done += 1), MADE)));
      expect([await once(), done]).toEqual(['IDEMPOTENCY_UNAVAILABLE', 0]);
      const codes: string[] = [];
      for (let at = 0; at <= LIMITS.guess.ip; at += 1) codes.push(await codeOf(limits.count('guess', 'ip', '192.0.2.2')));
      expect([codes.slice(0, -1).every((code) => code === 'none'), codes.at(-1)]).toEqual([true, 'RATE_LIMITED']);
      await server.start();
      for (const endMs = performance.now() + 30_000; (await once()) !== 'none' && performance.now() < endMs; ) await sleep(POLL_MS);
      expect(done).toBe(1);
      redis.disconnect();
    }, 60_000);
  });

  async function connected(): Promise<Redis> {
    const redis = connectRedis(server.url, () => undefined);
    for (const endMs = performance.now() + 30_000; redis.status !== 'ready' && performance.now() < endMs; ) await sleep(POLL_MS);
    return redis;
  }
}

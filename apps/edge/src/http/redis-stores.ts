import { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { z } from 'zod';
import { IDEMPOTENCY_TIMES, type Begun, type IdempotencyStore, type IdempotencyTimes, type KeptAnswer } from './idempotency.js';
import type { MakeLimiter } from './rate-limits.js';

/** A request waits no longer than this for Redis. */
const COMMAND_MS_MAX = 250;
const CONNECT_MS_MAX = 2_000;
const RECONNECT_MS_MAX = 1_000;
const PREFIX = 'edge:';

/** `redis://` or `rediss://`, with credentials. What cannot be asked at once is refused: nothing waits in a queue for Redis to come back. */
export function connectRedis(url: string, onError: (error: unknown) => void): Redis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_MS_MAX,
    connectTimeout: CONNECT_MS_MAX,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 50, RECONNECT_MS_MAX),
  });
  redis.on('error', onError);
  return redis;
}

/** Counted for all edges together; while Redis does not answer each edge counts for itself. */
export const redisLimiter = (storeClient: Redis): MakeLimiter => (keyPrefix, points, duration) =>
  new RateLimiterRedis({
    storeClient,
    keyPrefix: `${PREFIX}limit:${keyPrefix}`,
    points,
    duration,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix, points, duration }),
  });

/**
 * Looks and takes in one step; the time is Redis's own. KEYS: a hash of fingerprint, command, heldUntil, answer.
 * ARGV: fingerprint, command id, milliseconds that a request may take, and that the key is kept.
 */
const BEGIN_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'fingerprint', 'command', 'heldUntil', 'answer')
if not known[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'command', ARGV[2], 'heldUntil', string.format('%.0f', now + ARGV[3]))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return {'yours', ARGV[2]}
end
if known[4] then return {'kept', known[1], known[4]} end
if known[1] ~= ARGV[1] or tonumber(known[3]) > now then return {'under-way', known[1]} end
redis.call('HSET', KEYS[1], 'heldUntil', string.format('%.0f', now + ARGV[3]))
return {'yours', known[2]}
`;
/** Of a key that is there: one that has ended must not come back without its fingerprint. */
const SET_SCRIPT = `if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end`;

const answerSchema = z.strictObject({ status: z.number().int(), body: z.string().optional(), type: z.string().optional() });

/** For all edges together, and beyond their end. */
export class RedisIdempotency implements IdempotencyStore {
  constructor(
    private readonly redis: Redis,
    private readonly times: IdempotencyTimes = IDEMPOTENCY_TIMES,
  ) {}

  async begin(name: string, fingerprint: string, commandId: string): Promise<Begun> {
    const { underWayMs, keptMs } = this.times;
    const [what, first = '', answer = ''] = (await this.redis.eval(BEGIN_SCRIPT, 1, keyOf(name), fingerprint, commandId, underWayMs, keptMs)) as string[];
    if (what === 'yours') return { what, commandId: first };
    if (what === 'under-way') return { what, fingerprint: first };
    const { status, body, type } = answerSchema.parse(JSON.parse(answer));
    return { what: 'kept', fingerprint: first, answer: { status, body, type } };
  }

  async keep(name: string, answer: KeptAnswer): Promise<void> {
    await this.redis.eval(SET_SCRIPT, 1, keyOf(name), 'answer', JSON.stringify(answer));
  }

  async forget(name: string): Promise<void> {
    await this.redis.del(keyOf(name));
  }

  async yield(name: string): Promise<void> {
    await this.redis.eval(SET_SCRIPT, 1, keyOf(name), 'heldUntil', '0');
  }
}

const keyOf = (name: string): string => `${PREFIX}key:${name}`;

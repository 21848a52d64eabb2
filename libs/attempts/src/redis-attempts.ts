import { Redis } from 'ioredis';
import type { Attempt, Attempts, Begun, Locked } from './attempts.js';
import { keptMs, LOCK_POLICY, rememberedMax, standingOf, type LockPolicy } from './policy.js';
import { BEGIN_SCRIPT } from './redis-script.js';

/** A sign-in waits no longer than this for Redis. */
const COMMAND_MS_MAX = 500;
const CONNECT_MS_MAX = 2_000;
const RECONNECT_MS_MAX = 1_000;
/** One hash slot for all: the keys of an attempt are counted in one step also in a cluster. */
const PREFIX = '{attempts}:';

export interface RedisAttemptsOptions {
  /** `redis://` or `rediss://`, with credentials. */
  readonly url: string;
  readonly policy?: LockPolicy;
  /** Told what happens to the connection. */
  readonly onError?: (error: unknown) => void;
}

interface Scripted extends Redis {
  begin(keyCount: number, ...keysAndArguments: (string | number)[]): Promise<number[]>;
}

/** For all instances together. Every method rejects, within half a second, while Redis does not answer. */
export class RedisAttempts implements Attempts {
  readonly #redis: Scripted;
  readonly #policy: LockPolicy;

  constructor({ url, policy = LOCK_POLICY, onError = () => undefined }: RedisAttemptsOptions) {
    this.#policy = policy;
    this.#redis = new Redis(url, {
      commandTimeout: COMMAND_MS_MAX,
      connectTimeout: CONNECT_MS_MAX,
      // A sign-in that waits in a queue for Redis to come back is of no use to anybody.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * 50, RECONNECT_MS_MAX),
      scripts: { begin: { lua: BEGIN_SCRIPT } },
    }) as Scripted;
    this.#redis.on('error', onError);
  }

  async begin({ id, keys, atMs }: Attempt): Promise<Begun | Locked> {
    const policy = this.#policy;
    const steps = policy.steps.flatMap(({ failures, lockMs }) => [failures, lockMs]);
    const [isBegun, ...answer] = await this.#redis.begin(keys.length, ...keys.map(nameOf), atMs, id, policy.windowMs, keptMs(policy), rememberedMax(policy), ...steps);
    if (isBegun !== 1) return { isLocked: true, key: keys[answer[0]! - 1]!, retryAfterMs: answer[1]! };
    const reached = keys.flatMap((key, at) => {
      const [after, before] = [answer[2 * at]!, answer[2 * at + 1]!];
      const step = policy.steps.find((one) => one.failures === after && before < after);
      return step === undefined ? [] : [{ key, step }];
    });
    return { isLocked: false, reached };
  }

  async succeed({ id, keys }: Attempt, cleared: readonly string[]): Promise<void> {
    const work = this.#redis.multi();
    for (const key of keys) work.zrem(nameOf(key), id);
    for (const key of cleared) work.del(nameOf(key));
    await work.exec();
  }

  async look(key: string, atMs: number): Promise<{ readonly failures: number; readonly lockedUntilMs: number }> {
    const members = await this.#redis.zrange(nameOf(key), '0', '-1', 'WITHSCORES');
    const times = members.filter((_, at) => at % 2 === 1).map(Number);
    const isKept = atMs - (times.at(-1) ?? 0) < keptMs(this.#policy);
    const { failures, lockedUntilMs } = standingOf(this.#policy, isKept ? times : []);
    return { failures, lockedUntilMs: lockedUntilMs > atMs ? lockedUntilMs : 0 };
  }

  async forget(key: string): Promise<void> {
    await this.#redis.del(nameOf(key));
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}

const nameOf = (key: string): string => PREFIX + key;

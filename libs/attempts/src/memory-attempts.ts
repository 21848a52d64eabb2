import { LRUCache } from 'lru-cache';
import type { Attempt, Attempts, Begun, Locked } from './attempts.js';
import { keptMs, LOCK_POLICY, rememberedMax, standingOf, type LockPolicy } from './policy.js';

/** Keys in memory; beyond it those are forgotten that were quiet longest. */
const KEYS_MAX = 200_000;

interface Failure {
  readonly id: string;
  readonly atMs: number;
}

export interface MemoryAttemptsOptions {
  readonly policy?: LockPolicy;
  readonly keysMax?: number;
}

/** For one process alone: another does not know of these, and a restart forgets them. */
export class MemoryAttempts implements Attempts {
  readonly #policy: LockPolicy;
  readonly #failures: LRUCache<string, readonly Failure[]>;

  constructor({ policy = LOCK_POLICY, keysMax = KEYS_MAX }: MemoryAttemptsOptions = {}) {
    this.#policy = policy;
    this.#failures = new LRUCache({ max: keysMax });
  }

  async begin({ id, keys, atMs }: Attempt): Promise<Begun | Locked> {
    const locked = keys
      .map((key) => ({ isLocked: true as const, key, retryAfterMs: this.#standing(key, atMs).lockedUntilMs - atMs }))
      .reduce<Locked | undefined>((worst, each) => (each.retryAfterMs > (worst?.retryAfterMs ?? 0) ? each : worst), undefined);
    if (locked !== undefined) return locked;
    const reached = keys.flatMap((key) => {
      const live = this.#live(key, atMs);
      // A clock that was set back must not bring a failure before those that it follows.
      const failures = [...live, { id, atMs: Math.max(atMs, live.at(-1)?.atMs ?? 0) }].slice(-rememberedMax(this.#policy));
      const before = this.#standing(key, atMs).failures;
      this.#failures.set(key, failures);
      const after = this.#standing(key, atMs).failures;
      const step = this.#policy.steps.find((one) => one.failures === after && before < after);
      return step === undefined ? [] : [{ key, step }];
    });
    return { isLocked: false, reached };
  }

  async succeed({ id, keys }: Attempt, cleared: readonly string[]): Promise<void> {
    for (const key of keys) {
      const left = (this.#failures.peek(key) ?? []).filter((failure) => failure.id !== id);
      if (left.length === 0) this.#failures.delete(key);
      else this.#failures.set(key, left);
    }
    for (const key of cleared) this.#failures.delete(key);
  }

  async look(key: string, atMs: number): Promise<{ readonly failures: number; readonly lockedUntilMs: number }> {
    const { failures, lockedUntilMs } = this.#standing(key, atMs);
    return { failures, lockedUntilMs: lockedUntilMs > atMs ? lockedUntilMs : 0 };
  }

  async forget(key: string): Promise<void> {
    this.#failures.delete(key);
  }

  async close(): Promise<void> {
    this.#failures.clear();
  }

  #live(key: string, atMs: number): readonly Failure[] {
    const failures = this.#failures.peek(key) ?? [];
    const latest = failures.at(-1)?.atMs ?? 0;
    return atMs - latest >= keptMs(this.#policy) ? [] : failures;
  }

  #standing(key: string, atMs: number) {
    return standingOf(this.#policy, this.#live(key, atMs).map((failure) => failure.atMs));
  }
}

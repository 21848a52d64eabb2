import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { IdentityClientError } from '@countersign/identity-client';
import { EdgeFault } from './edge-fault.js';
import type { RateLimits } from './rate-limits.js';

/** A key that was good so lately is no guess. */
const KNOWN_MS = 24 * 3_600_000;
const KNOWN_MAX = 20_000;
/** Said to whoever does not have the whole key. */
const GUESSED: ReadonlySet<string> = new Set(['API_KEY_MALFORMED', 'API_KEY_REFUSED']);
/** Said to whoever has it, and of no use to him. */
const DEAD: ReadonlySet<string> = new Set(['API_KEY_REVOKED', 'API_KEY_EXPIRED', 'API_KEY_SUSPENDED']);

/**
 * Limits whoever tries API keys. Guesses count for their network; a key that is over counts for itself alone, so that one forgotten program does not shut out
 * whoever shares its address; and a key that was good lately is let through, so that a guessing neighbour does not either.
 */
export class KeyGuesses {
  readonly #known = new LRUCache<string, true>({ max: KNOWN_MAX, ttl: KNOWN_MS });

  constructor(private readonly limits: RateLimits) {}

  /** Rejects with what `check` rejects with, and EdgeFault RATE_LIMITED. */
  async run<T>(ip: string, key: string, check: () => Promise<T>): Promise<T> {
    const name = hash('sha256', key, 'base64url');
    await this.limits.requireLeft('key-guess', 'user', name);
    if (!this.#known.has(name)) await this.limits.requireLeft('key-guess', 'ip', ip);
    try {
      const result = await check();
      this.#known.set(name, true);
      return result;
    } catch (error) {
      const code = error instanceof EdgeFault || error instanceof IdentityClientError ? error.code : '';
      if (GUESSED.has(code)) await this.limits.count('key-guess', 'ip', ip);
      if (DEAD.has(code)) await this.limits.count('key-guess', 'user', name);
      throw error;
    }
  }
}

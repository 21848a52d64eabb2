import type { LockStep } from './policy.js';

/** Keys of one attempt: an address, an account, a device. */
export const ATTEMPT_KEYS_MAX = 8;

export interface Attempt {
  /** Unique; by it the attempt is taken back when it succeeds. */
  readonly id: string;
  /** Opaque: whoever names them by what is personal hashes it first. */
  readonly keys: readonly string[];
  /** Unix time, milliseconds. */
  readonly atMs: number;
}

export interface Locked {
  readonly isLocked: true;
  /** Which of the keys: of several, the one that stays locked longest. */
  readonly key: string;
  readonly retryAfterMs: number;
}

export interface Begun {
  readonly isLocked: false;
  /** For each key that this attempt, if it fails, brings to a step for the first time. */
  readonly reached: readonly { readonly key: string; readonly step: LockStep }[];
}

/**
 * Failed attempts, in a sliding window by key. An attempt counts as failed from its beginning until it is told to have succeeded:
 * a thousand guesses at the same moment are a thousand, and only the first few are looked at.
 */
export interface Attempts {
  /** One atomic step: either some key is locked and nothing is counted, or it counts for every key. */
  begin(attempt: Attempt): Promise<Begun | Locked>;
  /** Takes the attempt back, and forgets every failure of the keys in `cleared`. */
  succeed(attempt: Attempt, cleared: readonly string[]): Promise<void>;
  /** Failures so far, and until when the key is locked: Unix time, milliseconds; 0: it is not. */
  look(key: string, atMs: number): Promise<{ readonly failures: number; readonly lockedUntilMs: number }>;
  /** Forgets every failure of the key: an administrator lifts the lock. */
  forget(key: string): Promise<void>;
  close(): Promise<void>;
}

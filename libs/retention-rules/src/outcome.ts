import type { Action } from './resource.js';

/**
 * What holds for a resource at an instant.
 * - held: a legal hold, or its subject's demand that it be kept and not used; nothing destroys it, whatever else is so
 * - kept: a policy keeps it
 * - announced: it would be due, and a hold on it was released so lately that nobody could have objected yet
 * - waiting: it will be due
 * - due: `action` is to be carried out
 * - blocked: it would be due, and its owner does not offer the action
 * - unruled: no policy disposes of it
 */
export type Verdict = 'held' | 'kept' | 'announced' | 'waiting' | 'due' | 'blocked' | 'unruled';

export type ReasonCode =
  | 'HOLD_IN_FORCE'
  /** Its subject has demanded that it be kept and not used. */
  | 'SUBJECT_RESTRICTED'
  /** A law demands it: not even the request of its subject ends it. */
  | 'KEPT_BY_LAW'
  /** Of several that keep the longest decides. */
  | 'LONGEST_KEEP'
  | 'SHORTER_KEEP'
  /** The subject's request ends what no law demands. */
  | 'KEEP_ENDED_BY_ERASURE'
  | 'HOLD_RELEASED_LATELY'
  | 'ERASURE_REQUESTED'
  | 'DISPOSAL'
  /** A policy that names the resource more closely disposes of it. */
  | 'LESS_EXPLICIT'
  /** Another one, as explicit, is shorter. */
  | 'LONGER_DISPOSAL'
  /** Periods count from the end of it, and it has not ended. */
  | 'CLOCK_NOT_STARTED'
  | 'ACTION_NOT_OFFERED'
  | 'NO_DISPOSAL';

export interface Reason {
  readonly code: ReasonCode;
  /** Of the hold, the policy, or the request. */
  readonly id?: string;
  readonly version?: number;
  /** Until when it counts, or from when it disposes. */
  readonly atMs?: number;
  readonly action?: Action;
  /** The law that demands the keeping. */
  readonly byLaw?: string;
}

export interface Outcome {
  readonly verdict: Verdict;
  /** When the verdict is `due`. */
  readonly action?: Action;
  /** The earliest instant at which this may change by itself; undefined: it does not. */
  readonly untilMs?: number;
  /** The most decisive first. */
  readonly reasons: readonly Reason[];
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** From so many failures on, each further one locks for so long. */
export interface LockStep {
  readonly failures: number;
  readonly lockMs: number;
  /** Somebody should be told. */
  readonly isAlert?: true;
}

export interface LockPolicy {
  /** Failures older than this, seen from the latest one, do not count. */
  readonly windowMs: number;
  /** Ascending. */
  readonly steps: readonly LockStep[];
}

/** Requirement I6; NIST SP 800-63B-4 §3.2.2 allows no more than 100 in a row. */
export const LOCK_POLICY: LockPolicy = {
  windowMs: 24 * HOUR_MS,
  steps: [
    { failures: 5, lockMs: MINUTE_MS },
    { failures: 10, lockMs: 15 * MINUTE_MS },
    { failures: 20, lockMs: 24 * HOUR_MS, isAlert: true },
  ],
};

/** Beyond the last step more failures change nothing, so no more are remembered for a key. */
export function rememberedMax({ steps }: LockPolicy): number {
  return steps.at(-1)?.failures ?? 0;
}

/** The step that so many failures have reached. */
export function stepOf({ steps }: LockPolicy, failures: number): LockStep | undefined {
  return steps.findLast((step) => failures >= step.failures);
}

/** Failures that count, and until when they lock. */
export interface Standing {
  readonly failures: number;
  /** Unix time, milliseconds; 0: not locked. */
  readonly lockedUntilMs: number;
}

/**
 * What failures amount to. It follows from their times alone: one that is taken back leaves no trace. They are counted back from
 * the latest, not from now: a lock of 24 hours lasts 24 hours though its first failures leave the window before.
 * @param times Unix times, milliseconds, ascending
 */
export function standingOf(policy: LockPolicy, times: readonly number[]): Standing {
  const latest = times.at(-1);
  if (latest === undefined) return { failures: 0, lockedUntilMs: 0 };
  const failures = times.filter((time) => time > latest - policy.windowMs).length;
  const step = stepOf(policy, failures);
  return { failures, lockedUntilMs: step === undefined ? 0 : latest + step.lockMs };
}

/** After so long without a failure a key is as if it had never been there. */
export function keptMs({ windowMs, steps }: LockPolicy): number {
  return Math.max(windowMs, ...steps.map(({ lockMs }) => lockMs));
}

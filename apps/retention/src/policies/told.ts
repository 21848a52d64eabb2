import type { RetentionOutcome } from '@countersign/contracts';
import type { Outcome } from '@countersign/retention-rules';

export const timeOf = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString());

/** An outcome, as it goes out. */
export function told({ verdict, action, untilMs, reasons }: Outcome): RetentionOutcome {
  return { verdict, action, until: timeOf(untilMs), reasons: reasons.map(({ atMs, ...reason }) => ({ ...reason, at: timeOf(atMs) })) };
}

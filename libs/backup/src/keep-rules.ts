/** How many days, weeks (ISO 8601) and months (all of them UTC) keep their last backup. */
export interface KeepRules {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

export const KEEP_RULES_DEFAULT: KeepRules = { daily: 7, weekly: 4, monthly: 6 };

export interface Taken {
  readonly id: string;
  /** RFC 3339, UTC. */
  readonly takenAt: string;
}

export type KeepReason = 'newest' | 'daily' | 'weekly' | 'monthly';

const MS_PER_DAY = 86_400_000;

/**
 * Which backups are kept, and why; what is not among them may go. Of each period the last backup counts, and only periods that have one: after
 * a month without backups nothing is lost that was kept before it. The newest is kept whatever the rules say.
 */
export function keptBackups(backups: readonly Taken[], rules: KeepRules): ReadonlyMap<string, readonly KeepReason[]> {
  const newestFirst = backups.toSorted((a, b) => Date.parse(b.takenAt) - Date.parse(a.takenAt) || (a.id < b.id ? 1 : -1));
  const kept = new Map<string, KeepReason[]>();
  const keep = (id: string, reason: KeepReason): void => void kept.set(id, [...(kept.get(id) ?? []), reason]);
  if (newestFirst[0] !== undefined) keep(newestFirst[0].id, 'newest');
  for (const [reason, count, periodOf] of [['daily', rules.daily, dayOf], ['weekly', rules.weekly, weekOf], ['monthly', rules.monthly, monthOf]] as const) {
    const seen = new Set<string>();
    for (const { id, takenAt } of newestFirst) {
      const period = periodOf(new Date(takenAt));
      if (seen.has(period)) continue;
      if (seen.size >= count) break;
      seen.add(period);
      keep(id, reason);
    }
  }
  return kept;
}

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
const monthOf = (at: Date): string => at.toISOString().slice(0, 7);

/** A week is named by its Monday: the week of New Year is one, whichever year its days are in. */
function weekOf(at: Date): string {
  const sinceMonday = (at.getUTCDay() + 6) % 7;
  return new Date(at.getTime() - sinceMonday * MS_PER_DAY).toISOString().slice(0, 10);
}

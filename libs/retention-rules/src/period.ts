/** Of the Gregorian calendar in UTC. */
export interface Period {
  readonly years?: number;
  readonly months?: number;
  readonly days?: number;
}

const DAY_MS = 86_400_000;

const monthsOf = ({ years = 0, months = 0 }: Period): number => years * 12 + months;

/** The end of a period that begins at `startMs`: months first, to the last day of a month that is too short, then days. The time of day stays. */
export function endOfPeriod(startMs: number, period: Period): number {
  const months = monthsOf(period);
  const daysMs = (period.days ?? 0) * DAY_MS;
  if (months === 0) return startMs + daysMs;
  const start = new Date(startMs);
  const year = start.getUTCFullYear();
  const month = start.getUTCMonth() + months;
  // Day 0 of the month after is the last of the month.
  const day = Math.min(start.getUTCDate(), new Date(Date.UTC(year, month + 1, 0)).getUTCDate());
  return Date.UTC(year, month, day) + (startMs - Date.UTC(year, start.getUTCMonth(), start.getUTCDate())) + daysMs;
}

/** Whether `a` ends no sooner than `b`, wherever both begin. Of a month and thirty days neither does. */
export const isAtLeast = (a: Period, b: Period): boolean => monthsOf(a) >= monthsOf(b) && (a.days ?? 0) >= (b.days ?? 0);

export const isSamePeriod = (a: Period, b: Period): boolean => isAtLeast(a, b) && isAtLeast(b, a);

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
  const startDay = Math.floor(startMs / DAY_MS);
  const { year, month, day } = dateOf(startDay);
  const ahead = month + months;
  const endYear = year + Math.floor(ahead / 12);
  const endMonth = ahead % 12;
  // The first of the month after is the day after the last.
  const last = dayOf(endYear + Math.floor((endMonth + 1) / 12), (endMonth + 1) % 12, 1) - dayOf(endYear, endMonth, 1);
  return dayOf(endYear, endMonth, Math.min(day, last)) * DAY_MS + (startMs - startDay * DAY_MS) + daysMs;
}

// In whole numbers, since Date is most of what judging costs. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
// days_from_civil and civil_from_days: years begin in March, so the leap day is the last of one; an era is 400 years.
const ERA_DAYS = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;

/** Days since 1970. @param month from 0 */
function dayOf(year: number, month: number, day: number): number {
  const y = month < 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month < 2 ? month + 10 : month - 2) + 2) / 5) + day - 1;
  return era * ERA_DAYS + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - EPOCH_DAYS;
}

/** The opposite of {@link dayOf}. */
function dateOf(sinceEpoch: number): { readonly year: number; readonly month: number; readonly day: number } {
  const days = sinceEpoch + EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const ofEra = days - era * ERA_DAYS;
  const yearOfEra = Math.floor((ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365);
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 2 : fromMarch - 10;
  return { year: era * 400 + yearOfEra + (month < 2 ? 1 : 0), month, day: ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1 };
}

/** Whether `a` ends no sooner than `b`, wherever both begin. Of a month and thirty days neither does. */
export const isAtLeast = (a: Period, b: Period): boolean => monthsOf(a) >= monthsOf(b) && (a.days ?? 0) >= (b.days ?? 0);

export const isSamePeriod = (a: Period, b: Period): boolean => isAtLeast(a, b) && isAtLeast(b, a);

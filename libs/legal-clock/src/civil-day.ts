/** A day of the calendar, `YYYY-MM-DD`, of no time zone. Compares as text. */
export type CivilDay = string;

const DAY_MS = 86_400_000;
const SATURDAY = 6;
const SUNDAY = 0;

/** Days on which nothing falls due, beside Saturdays and Sundays. */
export type Holidays = ReadonlySet<CivilDay>;

const msOf = (day: CivilDay): number => Date.parse(`${day}T00:00:00.000Z`);
const dayOf = (ms: number): CivilDay => new Date(ms).toISOString().slice(0, 10);

export function addDays(day: CivilDay, days: number): CivilDay {
  return dayOf(msOf(day) + days * DAY_MS);
}

/**
 * The day of the same date so many months later; in a month without that date its last day
 * (Regulation (EEC, Euratom) No 1182/71, Article 3(2)(c)).
 */
export function addMonths(day: CivilDay, months: number): CivilDay {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number];
  const lastDate = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  return dayOf(Date.UTC(year, month - 1 + months, Math.min(date, lastDate)));
}

export function isWorkingDay(day: CivilDay, holidays: Holidays): boolean {
  const weekday = new Date(msOf(day)).getUTCDay();
  return weekday !== SATURDAY && weekday !== SUNDAY && !holidays.has(day);
}

/** The day itself, or the next one on which people work (Article 3(4)). */
export function workingDayFrom(day: CivilDay, holidays: Holidays): CivilDay {
  let found = day;
  while (!isWorkingDay(found, holidays)) found = addDays(found, 1);
  return found;
}

/** The so many-th working day after `day`. */
export function addWorkingDays(day: CivilDay, workingDays: number, holidays: Holidays): CivilDay {
  let found = day;
  for (let left = workingDays; left > 0; left--) found = workingDayFrom(addDays(found, 1), holidays);
  return found;
}

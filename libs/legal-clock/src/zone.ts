import { addDays, type CivilDay } from './civil-day.js';

const HOUR_MS = 3_600_000;
/** UTC-12 to UTC+14. */
const OFFSET_MS_MAX = 14 * HOUR_MS;

/** Making a format costs a hundred times its use; a deployment knows one zone or a few. */
const formats = new Map<string, Intl.DateTimeFormat>();
const FORMATS_MAX = 64;

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-CA', { timeZone, calendar: 'iso8601', numberingSystem: 'latn', year: 'numeric', month: '2-digit', day: '2-digit' });
  if (formats.size >= FORMATS_MAX) formats.clear();
  formats.set(timeZone, made);
  return made;
}

/**
 * Which day it is somewhere.
 * @param timeZone IANA name; RangeError for one that is not known
 */
export function dayIn(timeZone: string, ms: number): CivilDay {
  const of = Object.fromEntries(formatOf(timeZone).formatToParts(ms).map(({ type, value }) => [type, value]));
  return `${of['year']!.padStart(4, '0')}-${of['month']!}-${of['day']!}`;
}

/** First instant that is not of the day any more: where clocks are changed at midnight, that is another one than midnight. */
export function endOfDay(timeZone: string, day: CivilDay): number {
  const next = addDays(day, 1);
  const midnight = Date.parse(`${next}T00:00:00.000Z`);
  let before = midnight - OFFSET_MS_MAX - 1;
  let from = midnight + OFFSET_MS_MAX;
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if (dayIn(timeZone, middle) >= next) from = middle;
    else before = middle;
  }
  return from;
}

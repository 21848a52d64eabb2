import { addDays, addMonths, addWorkingDays, workingDayFrom, type CivilDay, type Holidays } from './civil-day.js';
import { dayIn, endOfDay } from './zone.js';

/** Until when a request of a data subject must be answered. All times are in milliseconds since 1970 and are the first that is too late. */

export const LAWS = ['gdpr', 'ccpa'] as const;
export type Law = (typeof LAWS)[number];

export const REQUEST_KINDS = ['export', 'correct', 'delete', 'restrict'] as const;
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** Where days are counted: the place of whoever has to answer. */
export interface Calendar {
  /** IANA name. */
  readonly timeZone: string;
  readonly holidays: Holidays;
}

export interface RequestClock {
  /** By then the asker has been told that the request came in; undefined where no law asks for it. */
  readonly confirmBy: number | undefined;
  readonly dueAt: number;
  /** The same with the one extension there is, of which the asker is told before `dueAt`; undefined: there is none. */
  readonly extendedDueAt: number | undefined;
}

const GDPR_MONTHS = 1;
/** "two further months": of the day of receipt, so that a short month in between takes nothing away. */
const GDPR_MONTHS_EXTENDED = 3;
const CCPA_DAYS = 45;
const CCPA_DAYS_EXTENDED = 90;
const CCPA_CONFIRM_WORKING_DAYS = 10;
const CCPA_LIMIT_WORKING_DAYS = 15;

/**
 * - GDPR: one month from receipt, with one extension by two (Regulation (EU) 2016/679, Article 12(3)), counted by Regulation (EEC, Euratom)
 *   No 1182/71: the same date of the month after (3(2)(c)), a Saturday, Sunday or holiday to the next working day (3(4)).
 * - CCPA: 45 calendar days after receipt, 90 with the extension, confirmed within 10 business days (11 CCR § 7021); a request to limit
 *   use 15 business days (11 CCR § 7027(g)), with no extension. No day is moved: a date too early breaks no law.
 */
export function requestClock(law: Law, kind: RequestKind, receivedAtMs: number, { timeZone, holidays }: Calendar): RequestClock {
  const received = dayIn(timeZone, receivedAtMs);
  const end = (day: CivilDay): number => endOfDay(timeZone, day);
  if (law === 'gdpr') {
    const months = (count: number): number => end(workingDayFrom(addMonths(received, count), holidays));
    return { confirmBy: undefined, dueAt: months(GDPR_MONTHS), extendedDueAt: months(GDPR_MONTHS_EXTENDED) };
  }
  const confirmBy = end(addWorkingDays(received, CCPA_CONFIRM_WORKING_DAYS, holidays));
  if (kind === 'restrict') return { confirmBy, dueAt: end(addWorkingDays(received, CCPA_LIMIT_WORKING_DAYS, holidays)), extendedDueAt: undefined };
  return { confirmBy, dueAt: end(addDays(received, CCPA_DAYS)), extendedDueAt: end(addDays(received, CCPA_DAYS_EXTENDED)) };
}

import { addMonths } from './civil-day.js';
import { dayIn, endOfDay } from './zone.js';

const HOUR_MS = 3_600_000;

/**
 * What is owed after a security incident.
 * - `early-warning`, `notification`, `final-report`: to the CSIRT or authority for network security, within 24 hours, within 72, and a month after
 *   the notification (Directive (EU) 2022/2555, Article 23(4)(a), (b), (d))
 * - `breach-notification`: to the supervisory authority within 72 hours (Regulation (EU) 2016/679, Article 33(1))
 * - `organizations`: to those for whom data is processed, without undue delay (Article 33(2))
 * - `subjects`: to the persons concerned, without undue delay (Article 34(1))
 */
export const INCIDENT_STAGES = ['early-warning', 'notification', 'final-report', 'breach-notification', 'organizations', 'subjects'] as const;
export type IncidentStage = (typeof INCIDENT_STAGES)[number];

/** Stages of which the law says "without undue delay" and no number: the hours are this platform's own limit. */
export const OWN_LIMITS: ReadonlySet<IncidentStage> = new Set(['organizations', 'subjects']);

const EARLY_WARNING_HOURS = 24;
const NOTIFICATION_HOURS = 72;
const FINAL_REPORT_MONTHS = 1;
const ORGANIZATIONS_HOURS = 24;
const SUBJECTS_HOURS = 72;

/**
 * Milliseconds since 1970 of the first instant that is too late, of each stage. Hours run through nights and holidays, and none is rounded in
 * favour of whoever is late: Regulation (EEC, Euratom) No 1182/71, Article 3(1), would give the rest of the hour, and 3(4) and 3(5) more where
 * days without work come in between. The month runs from the notification, or from when it was due while there is none; no holiday moves its end.
 * @param awareAtMs when somebody of the organisation knew
 * @param timeZone IANA name of the place where days are counted
 */
export function incidentClock(awareAtMs: number, notifiedAtMs: number | undefined, timeZone: string): Readonly<Record<IncidentStage, number>> {
  const after = (hours: number): number => awareAtMs + hours * HOUR_MS;
  const from = Math.min(notifiedAtMs ?? after(NOTIFICATION_HOURS), after(NOTIFICATION_HOURS));
  return {
    'early-warning': after(EARLY_WARNING_HOURS),
    notification: after(NOTIFICATION_HOURS),
    'final-report': endOfDay(timeZone, addMonths(dayIn(timeZone, from), FINAL_REPORT_MONTHS)),
    'breach-notification': after(NOTIFICATION_HOURS),
    organizations: after(ORGANIZATIONS_HOURS),
    subjects: after(SUBJECTS_HOURS),
  };
}

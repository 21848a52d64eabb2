import { addMonths } from './civil-day.js';
import { dayIn, endOfDay } from './zone.js';

const HOUR_MS = 3_600_000;

/**
 * What is owed after a security incident, in order: an early warning within 24 hours of becoming aware, the notification within 72,
 * a final report a month after the notification (Directive (EU) 2022/2555, Article 23(4)(a), (b), (d); the 72 hours are those of Regulation
 * (EU) 2016/679, Article 33(1) too).
 */
export const INCIDENT_STAGES = ['early-warning', 'notification', 'final-report'] as const;
export type IncidentStage = (typeof INCIDENT_STAGES)[number];

const EARLY_WARNING_HOURS = 24;
const NOTIFICATION_HOURS = 72;
const FINAL_REPORT_MONTHS = 1;

/**
 * Milliseconds since 1970 of the first instant that is too late, of each stage. Hours run through nights and holidays, and none is rounded in
 * favour of whoever is late. The month runs from the notification, or from when it was due while there is none; no holiday moves its end.
 * @param awareAtMs when somebody of the organisation knew
 * @param timeZone IANA name of the place where days are counted
 */
export function incidentClock(awareAtMs: number, notifiedAtMs: number | undefined, timeZone: string): Readonly<Record<IncidentStage, number>> {
  const notification = awareAtMs + NOTIFICATION_HOURS * HOUR_MS;
  const from = Math.min(notifiedAtMs ?? notification, notification);
  return {
    'early-warning': awareAtMs + EARLY_WARNING_HOURS * HOUR_MS,
    notification,
    'final-report': endOfDay(timeZone, addMonths(dayIn(timeZone, from), FINAL_REPORT_MONTHS)),
  };
}

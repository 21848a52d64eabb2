const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long before a request is due somebody is told, in order; at the end it is overdue. */
export const REQUEST_ALERTS_MS = [10 * DAY_MS, 3 * DAY_MS, DAY_MS, 0] as const;

/** Of stages of an incident: of a day the last half, of three days the last one. */
const WITHIN_A_DAY_MS = [12 * HOUR_MS, 4 * HOUR_MS, HOUR_MS, 0] as const;
const WITHIN_THREE_DAYS_MS = [DAY_MS, 8 * HOUR_MS, 2 * HOUR_MS, 0] as const;
export const INCIDENT_ALERTS_MS = {
  'early-warning': WITHIN_A_DAY_MS,
  notification: WITHIN_THREE_DAYS_MS,
  'final-report': [10 * DAY_MS, 3 * DAY_MS, DAY_MS, 0],
  'breach-notification': WITHIN_THREE_DAYS_MS,
  organizations: WITHIN_A_DAY_MS,
  subjects: WITHIN_THREE_DAYS_MS,
} as const;

/**
 * How many of the alerts before `dueAtMs` have come. The last is that of lateness: it is there from the first instant that is too late.
 * @param alertsMs times before it is due, the longest first, ending with 0
 */
export function alertsCome(alertsMs: readonly number[], dueAtMs: number, nowMs: number): number {
  return alertsMs.filter((beforeMs) => nowMs >= dueAtMs - beforeMs).length;
}

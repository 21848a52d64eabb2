const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long before a request is due somebody is told, in order; at the end it is overdue. */
export const REQUEST_ALERTS_MS = [10 * DAY_MS, 3 * DAY_MS, DAY_MS, 0] as const;

/** Of a stage of an incident: of a day the last half, of three days the last one. */
export const INCIDENT_ALERTS_MS = {
  'early-warning': [12 * HOUR_MS, 4 * HOUR_MS, HOUR_MS, 0],
  notification: [DAY_MS, 8 * HOUR_MS, 2 * HOUR_MS, 0],
  'final-report': [10 * DAY_MS, 3 * DAY_MS, DAY_MS, 0],
} as const;

/**
 * How many of the alerts before `dueAtMs` have come. The last is that of lateness: it is there from the first instant that is too late.
 * @param alertsMs times before it is due, the longest first, ending with 0
 */
export function alertsCome(alertsMs: readonly number[], dueAtMs: number, nowMs: number): number {
  return alertsMs.filter((beforeMs) => nowMs >= dueAtMs - beforeMs).length;
}

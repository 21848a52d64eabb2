import type { Alert, AlertGroup } from '@countersign/alerts';

/** How an alert is made to come within a test: by these two numbers alone, everything else of its rule is as it ships. */
export interface Sooner {
  /** Its windows, offsets and `for` are so many times shorter, and none shorter than a few scrapes. */
  readonly times?: number;
  /** The ages in seconds that it compares with are so many times smaller. */
  readonly ages?: number;
}

const MS_OF: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
/** `rate` needs two samples, and one that is late. */
const WINDOW_SECONDS_MIN = 6;

const shortened = (duration: string, times: number, least: number): string => `${String(Math.max(least, Math.round((Number(duration.slice(0, -1)) * MS_OF[duration.at(-1)!]!) / times)))}s`;

function expression(expr: string, { times = 1, ages = 1 }: Sooner): string {
  const windows = expr.replaceAll(/(\[|offset )(\d+[smhd])/g, (_all, before: string, duration: string) => before + shortened(duration, times, WINDOW_SECONDS_MIN));
  return windows.replaceAll(/([<>]) (\d+(?:\.\d+)?(?: \* \d+)*)/g, (_all, sign: string, number: string) => `${sign} ${ages === 1 ? number : `(${number}) / ${String(ages)}`}`);
}

const sooner = (alert: Alert, how: Sooner): Alert => ({ ...alert, expr: expression(alert.expr, how), ...(alert.for === undefined ? {} : { for: shortened(alert.for, how.times ?? 1, 1) as Alert['for'] & string }) });

/** The groups with what was named made sooner, and nothing else in them; what is recorded for them as soon as the soonest. */
export function soonerGroups(groups: readonly AlertGroup[], named: ReadonlyMap<string, Sooner>): AlertGroup[] {
  return groups.flatMap(({ name, recorded = [], alerts }) => {
    const chosen = alerts.flatMap((alert) => (named.has(alert.name) ? [sooner(alert, named.get(alert.name)!)] : []));
    if (chosen.length === 0) return [];
    const times = Math.max(...alerts.map((alert) => named.get(alert.name)?.times ?? 1));
    return [{ name, recorded: recorded.map((one) => ({ ...one, expr: expression(one.expr, { times }) })), alerts: chosen }];
  });
}

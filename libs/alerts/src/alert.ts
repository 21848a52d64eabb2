/** Who is woken: `critical` at any hour, `warning` in working hours, `info` nobody. */
export type Severity = 'critical' | 'warning' | 'info';

/** Who mends it. */
export type Owner = 'evidence' | 'identity' | 'platform' | 'privacy';

/** A span of time as Prometheus writes it. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`;

/** Series and what an alert makes of them; proved by promtool. */
export interface Example {
  /** When the alert is asked about, counted from the first sample. */
  readonly at: Duration;
  /** Samples, one a minute unless `every` says otherwise, in promtool's notation. */
  readonly series: Readonly<Record<string, string>>;
  readonly every?: Duration;
}

/** One alert of ours. */
export interface Alert {
  /** `Countersign…`, for ever: routes and silences name it. */
  readonly name: string;
  /** Aggregated to what a person would act on, so that several instances of a service give one alert. */
  readonly expr: string;
  /** How long it must be so. */
  readonly for?: Duration;
  readonly severity: Severity;
  readonly owner: Owner;
  /** Page in docs/operations. */
  readonly runbook: `${string}.md`;
  /** What is wrong, in one sentence; `{{ $labels.x }}` may stand in it. */
  readonly summary: string;
  /** Kind of the incident that it opens by itself. */
  readonly incident?: string;
  readonly fires: Example & {
    /** Labels of each alert that is expected, besides those that every alert of this name has. */
    readonly alerts: readonly Readonly<Record<string, string>>[];
    /** A time at which it must not fire yet. */
    readonly notYet?: Duration;
  };
  /** The nearest thing to a fault that is none. Undefined only for what always fires. */
  readonly silent: Example | undefined;
}

/** An expression under a name of its own, for others to use. */
export interface Recorded {
  readonly record: string;
  readonly expr: string;
}

export interface AlertGroup {
  readonly name: string;
  readonly recorded?: readonly Recorded[];
  readonly alerts: readonly Alert[];
}

/**
 * A counter that has grown within `window`. Counters with labels appear with their first count, which `increase` cannot see: what was not there
 * a window ago has grown too.
 */
export function grown(counter: string, window: Duration, by: string): string {
  const of = (selector: string): string => `sum by (${by}) (${selector})`;
  return `(${of(`increase(${counter}[${window}])`)} > 0) or (${of(counter)} > 0 unless on (${by}) ${of(`${counter} offset ${window}`)})`;
}

/** Grafana's names of units. */
export type Unit = 'short' | 's' | 'ms' | 'bytes' | 'reqps' | 'ops' | 'percentunit' | 'bool_yes_no' | 'none';

/** A question to Prometheus, and what is written beside its line: `{{label}}` stands for a label. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** A number that says by its colour whether somebody has to look. */
export interface Light {
  readonly kind: 'light';
  readonly title: string;
  readonly what: string;
  readonly query: Query;
  readonly unit: Unit;
  /** From here on it is yellow, and red. Descending: small is bad. */
  readonly limits: readonly [warning: number, critical: number];
  /** Where there is nothing to tell, as before the first backup. */
  readonly ifNone?: string;
}

export interface Graph {
  readonly kind: 'graph';
  readonly title: string;
  readonly what: string;
  readonly queries: readonly Query[];
  readonly unit: Unit;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly (Light | Graph)[];
}

export interface Dashboard {
  /** Name of its file, and its address in Grafana. */
  readonly uid: string;
  readonly title: string;
  readonly what: string;
  readonly rows: readonly Row[];
}

/** A light over one number: `limits` from which it is yellow and red, the smaller last where small is bad. */
export function light(title: string, what: string, expr: string, unit: Unit, limits: Light['limits'], ifNone?: string): Light {
  return { kind: 'light', title, what, query: { expr, legend: '' }, unit, limits, ifNone };
}

/** Lines over time. */
export function graph(title: string, what: string, unit: Unit, ...queries: readonly (readonly [expr: string, legend: string])[]): Graph {
  return { kind: 'graph', title, what, unit, queries: queries.map(([expr, legend]): Query => ({ expr, legend })) };
}

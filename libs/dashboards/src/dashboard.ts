/** Grafana's names of units. */
export type Unit = 'short' | 's' | 'bytes' | 'reqps' | 'ops' | 'percentunit' | 'none';

/** A question to Prometheus, and what is written beside its line: `{{label}}` stands for a label. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** What a light says where there is no number. */
export interface None {
  readonly text: string;
  /** Nothing: as it should be. Warning, critical: somebody has to look. */
  readonly is: 'nothing' | 'warning' | 'critical';
}

/** Whoever measures it is away, or is not asked: a light that stayed green would lie. */
export const NO_DATA: None = { text: 'no data', is: 'critical' };

/** A number that says by its colour whether somebody has to look. */
export interface Light {
  readonly kind: 'light';
  readonly title: string;
  readonly what: string;
  readonly query: Query;
  readonly unit: Unit;
  /** From here on it is yellow, and red. Descending: small is bad. */
  readonly limits: readonly [warning: number, critical: number];
  readonly ifNone: None;
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
export function light(title: string, what: string, expr: string, unit: Unit, limits: Light['limits'], ifNone = NO_DATA): Light {
  return { kind: 'light', title, what, query: { expr, legend: '' }, unit, limits, ifNone };
}

/** Lines over time. */
export function graph(title: string, what: string, unit: Unit, ...queries: readonly (readonly [expr: string, legend: string])[]): Graph {
  return { kind: 'graph', title, what, unit, queries: queries.map(([expr, legend]): Query => ({ expr, legend })) };
}

import { severityRank, SEVERITY_RANK_MAX, type EventFilters } from './event-filters.js';

export interface SearchSql {
  readonly text: string;
  readonly values: unknown[];
}

/** Values of a statement, numbered as they are added. */
class Values {
  readonly all: unknown[] = [];

  add(value: unknown): string {
    this.all.push(value);
    return `$${this.all.length}`;
  }
}

/**
 * The query for the leaf indexes that match, highest first, below `belowIndex`. Each shape reads an index in the order
 * in which it answers and stops at `limit`, so that the time depends on the answer's size and not on the ledger's.
 */
export function searchSql(ledgerId: number, filters: EventFilters, belowIndex: number, limit: number): SearchSql {
  const values = new Values();
  const ledger = values.add(ledgerId);
  const below = values.add(belowIndex);
  const max = values.add(limit);
  const newest = (from: string, conditions: readonly string[]): string =>
    `SELECT e.leaf_index FROM ${from} WHERE ${[`e.ledger_id = ${ledger}`, `e.leaf_index < ${below}`, ...conditions].join(' AND ')}
      ORDER BY e.leaf_index DESC LIMIT ${max}`;
  const merged = (each: string, inner: string): string =>
    `SELECT found.leaf_index FROM ${each} CROSS JOIN LATERAL (${inner}) found ORDER BY found.leaf_index DESC LIMIT ${max}`;
  const others = referenceAndTime(filters, values);
  const rank = filters.severity === undefined ? 0 : severityRank(filters.severity);
  const isNarrow = filters.actor !== undefined || filters.resource !== undefined;

  if (rank > 0 && !isNarrow) {
    // One read per severity, each in the order of its index; rare severities are found without passing the common ones.
    const ranks = values.add(Array.from({ length: SEVERITY_RANK_MAX - rank + 1 }, (_, i) => rank + i));
    // `>= 1` repeats the partial index's own condition: without it the planner may not use it.
    const conditions = [...others, ...typeConditions(filters, values), 'e.severity = s.severity', 'e.severity >= 1'];
    return { text: merged(`unnest(${ranks}::smallint[]) AS s(severity)`, newest('event_index e', conditions)), values: values.all };
  }
  if (filters.type !== undefined && !isNarrow) {
    const types = typesUnder(ledger, filters.type, values);
    return { text: `${types} ${merged('types t', newest('event_index e', [...others, 'e.type = t.type']))}`, values: values.all };
  }
  const severity = rank > 0 ? [`e.severity >= ${values.add(rank)}`] : [];
  const conditions = [...others, ...typeConditions(filters, values), ...severity];
  return { text: newest('event_index e', conditions), values: values.all };
}

function referenceAndTime({ actor, resource, from, to }: EventFilters, values: Values): string[] {
  const conditions: string[] = [];
  if (actor !== undefined) conditions.push(`e.actor_id = ${values.add(actor)}`);
  if (resource !== undefined) conditions.push(`e.resource_id = ${values.add(resource)}`);
  if (from !== undefined) conditions.push(`e.time >= ${values.add(from)}`);
  if (to !== undefined) conditions.push(`e.time < ${values.add(to)}`);
  return conditions;
}

/** Types are compared byte by byte, and `/` is the character after the dot: [x., x/) is everything under x. */
function under(prefix: string, values: Values): { exact: string; first: string; end: string } {
  return { exact: values.add(prefix), first: values.add(`${prefix}.`), end: values.add(`${prefix}/`) };
}

function typeConditions({ type }: EventFilters, values: Values): string[] {
  if (type === undefined) return [];
  const { exact, first, end } = under(type, values);
  return [`(e.type = ${exact} OR (e.type >= ${first} AND e.type < ${end}))`];
}

/** The few distinct types under a prefix, found by skipping through the index instead of reading every event. */
function typesUnder(ledger: string, prefix: string, values: Values): string {
  const { exact, first, end } = under(prefix, values);
  const next = (after: string): string =>
    `(SELECT i.type FROM event_index i WHERE i.ledger_id = ${ledger} AND i.type ${after} AND i.type < ${end} ORDER BY i.type LIMIT 1)`;
  return `WITH RECURSIVE walk(type) AS (
      SELECT ${next(`>= ${first}`)} UNION ALL SELECT ${next('> walk.type')} FROM walk WHERE walk.type IS NOT NULL
    ), types AS (
      SELECT ${exact}::text COLLATE "C" AS type UNION ALL SELECT type FROM walk WHERE type IS NOT NULL
    )`;
}

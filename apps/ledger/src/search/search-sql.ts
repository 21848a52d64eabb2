import { INDEX_BLOCK_LEAVES } from '../store/pg-index-store.js';
import { severityRank, SEVERITY_RANK_MAX, type EventFilters } from './event-filters.js';

export interface SearchSql {
  readonly text: string;
  readonly values: unknown[];
}

/** Leaves [lo, hi). */
export interface Stretch {
  readonly lo: number;
  readonly hi: number;
}

/** Stretches that one search reads one by one; what lies below the last of them is read as one. */
const STRETCHES_MAX = 64;

/** Values of a statement, numbered as they are added. */
class Values {
  readonly all: unknown[] = [];

  add(value: unknown): string {
    this.all.push(value);
    return `$${this.all.length}`;
  }
}

/**
 * The query for the stretches of leaves below `belowIndex` in which events of the time asked for can lie, highest first.
 * Events come about in the order of their times, so they are few; late ones add some.
 */
export function stretchesSql(ledgerId: number, { from, to }: EventFilters, belowIndex: number): SearchSql {
  return {
    text: `SELECT min(block) * ${INDEX_BLOCK_LEAVES} AS lo, (max(block) + 1) * ${INDEX_BLOCK_LEAVES} AS hi
             FROM (SELECT block, block - row_number() OVER (ORDER BY block) AS stretch FROM event_index_blocks
                    WHERE ledger_id = $1 AND block <= $2::bigint / ${INDEX_BLOCK_LEAVES}
                      AND max_time >= coalesce($3::timestamptz, '-infinity') AND min_time < coalesce($4::timestamptz, 'infinity')) AS b
            GROUP BY stretch ORDER BY 1 DESC LIMIT ${STRETCHES_MAX}`,
    values: [ledgerId, belowIndex, from ?? null, to ?? null],
  };
}

/** The stretches that {@link stretchesSql} found; the lowest stands for all below it when there may be more. */
export function stretchesOf(rows: readonly { readonly lo: string; readonly hi: string }[]): Stretch[] {
  return rows.map(({ lo, hi }, i) => ({ lo: i === STRETCHES_MAX - 1 ? 0 : Number(lo), hi: Number(hi) }));
}

/**
 * The query for the leaf indexes within the stretches that match, highest first, below `belowIndex`. Each shape reads an
 * index in the order in which it answers and stops at `limit`, so that the time depends on the answer's size and not on
 * the ledger's.
 */
export function searchSql(ledgerId: number, filters: EventFilters, stretches: readonly Stretch[], belowIndex: number, limit: number): SearchSql {
  const values = new Values();
  const ledger = values.add(ledgerId);
  const lo = values.add(stretches.map((stretch) => stretch.lo));
  const hi = values.add(stretches.map((stretch) => Math.min(stretch.hi, belowIndex)));
  const max = values.add(limit);
  const each = (more: string, conditions: readonly string[]): string =>
    `SELECT found.leaf_index FROM unnest(${lo}::bigint[], ${hi}::bigint[]) AS r(lo, hi) ${more} CROSS JOIN LATERAL (
       SELECT e.leaf_index FROM event_index e
        WHERE ${[`e.ledger_id = ${ledger}`, 'e.leaf_index >= r.lo', 'e.leaf_index < r.hi', ...conditions].join(' AND ')}
        ORDER BY e.leaf_index DESC LIMIT ${max}) found
      ORDER BY found.leaf_index DESC LIMIT ${max}`;
  const others = referenceAndTime(filters, values);
  const rank = filters.severity === undefined ? 0 : severityRank(filters.severity);
  const isNarrow = filters.actor !== undefined || filters.resource !== undefined;

  if (rank > 0 && !isNarrow) {
    // One read per severity, each in the order of its index; rare severities are found without passing the common ones.
    const ranks = values.add(Array.from({ length: SEVERITY_RANK_MAX - rank + 1 }, (_, i) => rank + i));
    // `>= 1` repeats the partial index's own condition: without it the planner may not use it.
    const conditions = [...others, ...typeConditions(filters, values), 'e.severity = s.severity', 'e.severity >= 1'];
    return { text: each(`CROSS JOIN unnest(${ranks}::smallint[]) AS s(severity)`, conditions), values: values.all };
  }
  if (filters.type !== undefined && !isNarrow) {
    const types = typesUnder(ledger, filters.type, values);
    return { text: `${types} ${each('CROSS JOIN types t', [...others, 'e.type = t.type'])}`, values: values.all };
  }
  const severity = rank > 0 ? [`e.severity >= ${values.add(rank)}`] : [];
  return { text: each('', [...others, ...typeConditions(filters, values), ...severity]), values: values.all };
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

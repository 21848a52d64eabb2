import { withTransaction } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

/** A ledger with something left to index, or whose gaps are due to be looked at. */
export interface IndexDuty {
  readonly ledger: Ledger;
  readonly treeSize: number;
  readonly indexedSize: number;
  readonly gapsDue: boolean;
}

/** What one batch came to. */
export interface IndexedBatch {
  readonly indexedSize: number;
  /** Entries that cannot be read as entries: somebody changed them. */
  readonly unreadable: number;
}

/** Leaves whose span of event times is remembered together. */
export const INDEX_BLOCK_LEAVES = 1_024;

// SQLSTATE classes: data exception, integrity constraint violation.
const UNREADABLE = /^(22|23)/;

const EVENTS = `
  SELECT leaf_index, event_id, convert_from(entry, 'UTF8')::jsonb AS e
    FROM entries WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3`;

// PostgreSQL reads, takes apart and indexes the entries itself: the process that appends has no time for it.
// RFC 3339 has a year 0, PostgreSQL has none.
const INDEX_SQL = `
  WITH events AS MATERIALIZED (${EVENTS}), fields AS MATERIALIZED (
    SELECT leaf_index, event_id, e->>'type' AS type,
           array_position(ARRAY['info', 'notice', 'warning', 'alert'], e->>'severity') - 1 AS severity,
           CASE WHEN e->>'time' LIKE '0000%' THEN '-infinity' ELSE (e->>'time')::timestamptz END AS time,
           e#>>'{actor,id}' AS actor_id, e#>>'{resource,id}' AS resource_id
      FROM events
  ), indexed AS (
    INSERT INTO event_index (ledger_id, leaf_index, event_id, type, severity, time, actor_id, resource_id)
    SELECT $1, fields.* FROM fields ON CONFLICT DO NOTHING
  ), subjects AS (
    INSERT INTO event_subjects (ledger_id, subject, leaf_index)
    SELECT DISTINCT $1::integer, part->>'subject', leaf_index FROM events, jsonb_array_elements(e->'parts') AS part WHERE part ? 'subject' ON CONFLICT DO NOTHING
  ), blocks AS (
    INSERT INTO event_index_blocks AS known (ledger_id, block, min_time, max_time)
    SELECT $1, leaf_index / ${INDEX_BLOCK_LEAVES}, min(time), max(time) FROM fields GROUP BY 2 ORDER BY 2
    ON CONFLICT (ledger_id, block) DO UPDATE
      SET min_time = least(known.min_time, EXCLUDED.min_time), max_time = greatest(known.max_time, EXCLUDED.max_time)
  )
  SELECT e->>'source' AS source, e#>>'{producer,id}' AS producer_id,
         range_agg(int8range((e#>>'{producer,sequence}')::bigint, (e#>>'{producer,sequence}')::bigint + 1))::text AS seen,
         max(e->>'recordedAt') AS last_seen_at
    FROM events WHERE e ? 'producer' GROUP BY 1, 2`;

const NOTE_SEQUENCES_SQL = `
  INSERT INTO producers (ledger_id, source, producer_id, seen, last_seen_at)
  SELECT $1, s.* FROM unnest($2::text[], $3::text[], $4::int8multirange[], $5::timestamptz[])
    AS s(source, producer_id, seen, last_seen_at) ORDER BY source, producer_id
  ON CONFLICT (ledger_id, source, producer_id) DO UPDATE
    SET seen = producers.seen + EXCLUDED.seen, last_seen_at = greatest(producers.last_seen_at, EXCLUDED.last_seen_at)`;

/** The search index as its writer sees it, over a pool of the role `ledger_runtime`. */
export class PgIndexStore {
  constructor(private readonly pool: pg.Pool) {}

  /** Ledgers with something to do, the one that is furthest behind first. */
  async duties(graceMs: number): Promise<IndexDuty[]> {
    const { rows } = await this.pool.query<DutyRow>(
      `SELECT l.ledger_id, l.tenant, l.origin, h.tree_size, coalesce(c.indexed_size, 0) AS indexed_size,
              coalesce(c.gaps_checked_at < now() - make_interval(secs => $1), true) AS gaps_due
         FROM ledgers l JOIN heads h USING (ledger_id) LEFT JOIN index_cursors c USING (ledger_id)
        WHERE h.tree_size > coalesce(c.indexed_size, 0) OR c.gaps_checked_at IS NULL
           OR c.gaps_checked_at < now() - make_interval(secs => $1)
        ORDER BY h.tree_size - coalesce(c.indexed_size, 0) DESC`,
      [graceMs / 1000],
    );
    return rows.map((row) => ({
      ledger: { ledgerId: row.ledger_id, tenant: row.tenant, origin: row.origin },
      treeSize: Number(row.tree_size),
      indexedSize: Number(row.indexed_size),
      gapsDue: row.gaps_due,
    }));
  }

  /**
   * Indexes at most `limit` entries from the cursor up to `treeSize` and moves the cursor, in one transaction. Undefined
   * when another instance has the cursor, or nothing is left. A batch that holds an unreadable entry is indexed one by
   * one, and that entry passed over: verification accuses it, search must go on.
   */
  async indexBatch(ledger: Ledger, treeSize: number, limit: number): Promise<IndexedBatch | undefined> {
    try {
      const indexedSize = await this.inOneTransaction(ledger, treeSize, limit, 'index');
      return indexedSize === undefined ? undefined : { indexedSize, unreadable: 0 };
    } catch (error) {
      if (!UNREADABLE.test((error as { code?: string }).code ?? '')) throw error;
    }
    if (limit > 1) return this.oneByOne(ledger, treeSize, limit);
    const indexedSize = await this.inOneTransaction(ledger, treeSize, 1, 'pass over');
    return indexedSize === undefined ? undefined : { indexedSize, unreadable: 1 };
  }

  /** Forgets what is indexed of a ledger; the indexer then starts over. What is known of producers stays. */
  async reset(ledger: Ledger): Promise<void> {
    await withTransaction(this.pool, async (client) => {
      await client.query('UPDATE index_cursors SET indexed_size = 0, subjects_from = 0 WHERE ledger_id = $1', [ledger.ledgerId]);
      await client.query('DELETE FROM event_index WHERE ledger_id = $1', [ledger.ledgerId]);
      await client.query('DELETE FROM event_subjects WHERE ledger_id = $1', [ledger.ledgerId]);
      await client.query('DELETE FROM event_index_blocks WHERE ledger_id = $1', [ledger.ledgerId]);
    });
  }

  private async oneByOne(ledger: Ledger, treeSize: number, count: number): Promise<IndexedBatch | undefined> {
    let last: IndexedBatch | undefined;
    let unreadable = 0;
    for (let i = 0; i < count; i++) {
      const batch = await this.indexBatch(ledger, treeSize, 1);
      if (batch === undefined) break;
      unreadable += batch.unreadable;
      last = batch;
    }
    return last === undefined ? undefined : { ...last, unreadable };
  }

  private inOneTransaction(ledger: Ledger, treeSize: number, limit: number, how: 'index' | 'pass over'): Promise<number | undefined> {
    return withTransaction(this.pool, async (client) => {
      const from = await lockCursor(client, ledger);
      if (from === undefined || from >= treeSize) return undefined;
      const to = Math.min(from + limit, treeSize);
      if (how === 'index') await indexRange(client, ledger, from, to);
      await client.query('UPDATE index_cursors SET indexed_size = $2 WHERE ledger_id = $1', [ledger.ledgerId, to]);
      return to;
    });
  }
}

interface DutyRow {
  readonly ledger_id: number;
  readonly tenant: string;
  readonly origin: string;
  readonly tree_size: string;
  readonly indexed_size: string;
  readonly gaps_due: boolean;
}

interface SeenRow {
  readonly source: string;
  readonly producer_id: string;
  readonly seen: string;
  readonly last_seen_at: string;
}

/** The locked cursor is what makes two indexers safe: one works, the other finds it taken and goes elsewhere. */
async function lockCursor(client: pg.PoolClient, { ledgerId }: Ledger): Promise<number | undefined> {
  const select = 'SELECT indexed_size FROM index_cursors WHERE ledger_id = $1 FOR UPDATE SKIP LOCKED';
  const { rows } = await client.query<{ indexed_size: string }>(select, [ledgerId]);
  if (rows[0] !== undefined) return Number(rows[0].indexed_size);
  const made = await client.query('INSERT INTO index_cursors (ledger_id, indexed_size) VALUES ($1, 0) ON CONFLICT DO NOTHING', [ledgerId]);
  return made.rowCount === 1 ? 0 : undefined;
}

async function indexRange(client: pg.PoolClient, { ledgerId }: Ledger, from: number, to: number): Promise<void> {
  const { rows } = await client.query<SeenRow>(INDEX_SQL, [ledgerId, from, to]);
  if (rows.length === 0) return;
  // Last in the transaction: the append flow updates the same rows, and must not wait for more than this commit.
  await client.query(NOTE_SEQUENCES_SQL, [
    ledgerId,
    rows.map((row) => row.source),
    rows.map((row) => row.producer_id),
    rows.map((row) => row.seen),
    rows.map((row) => row.last_seen_at),
  ]);
}

import type { Pool } from 'pg';
import type { Countersign, Resource } from './countersign.js';
import type { Kind } from './kinds.js';

/** What Countersign takes at once. */
const BATCH = 200;

/**
 * Tells of everything that has changed since it was told last. What changes meanwhile is told in the next round, and a round that is cut
 * short is told again: a report replaces the one before.
 */
export async function report(pool: Pool, countersign: Pick<Countersign, 'report'>, kinds: readonly Kind[]): Promise<void> {
  for (const { table, type, select } of kinds) {
    for (;;) {
      const { rows: changes } = await pool.query<{ id: string; changes: string[] }>('SELECT id, array_agg(change) AS changes FROM changes WHERE kind = $1 GROUP BY id ORDER BY min(change) LIMIT $2', [table, BATCH]);
      if (changes.length === 0) break;
      const { rows } = await pool.query<{ id: string; class: string; subject: string; created: Date; closed: Date | null }>(select, [changes.map(({ id }) => id)]);
      const there = new Set(rows.map(({ id }) => id));
      const resources = rows.map(({ created, closed, ...row }): Resource => ({ ...row, created: created.toISOString(), ...(closed === null ? {} : { closed: closed.toISOString() }) }));
      await countersign.report(type, resources, changes.map(({ id }) => id).filter((id) => !there.has(id)));
      // Only those that were read: what was noted since stays to be told.
      await pool.query('DELETE FROM changes WHERE change = ANY ($1)', [changes.flatMap((one) => one.changes)]);
    }
  }
}

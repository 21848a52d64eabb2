import { withTransaction } from '@countersign/postgres';
import type { DataClass } from '@countersign/contracts';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { PartClasses } from './part-class.js';
import { storedParts } from './stored-parts.js';

/** Entries of one stretch: what retention sees and orders as one resource. */
export const STRETCH_LEAVES = 1_024;
/** What a list may take to look at entries that nobody has looked at yet. */
const LOOKING_MS_MAX = 5_000;

export interface Stretch {
  readonly ledgerId: number;
  readonly tenant: string;
  readonly class: DataClass;
  readonly from: number;
  readonly to: number;
  readonly firstRecordedAt: Date;
  readonly lastRecordedAt: Date;
}

interface StretchRow {
  readonly ledger_id: number;
  readonly tenant: string;
  readonly class: DataClass;
  readonly from_leaf: string;
  readonly to_leaf: string;
  readonly first_recorded_at: Date;
  readonly last_recorded_at: Date;
}

/** Behind which row a page begins. */
export interface After {
  readonly ledgerId: number;
  readonly from: number;
  readonly class: string;
}

export interface StretchesOptions {
  readonly reader: pg.Pool;
  /** As the eraser. */
  readonly eraser: pg.Pool;
  readonly classes: PartClasses;
  /** A stretch that is not full yet is shown when its oldest entry is so old. */
  readonly maxAgeMs: number;
  readonly now: () => Date;
}

/** Which stretches of which ledgers have parts of which class. */
export class Stretches {
  constructor(private readonly options: StretchesOptions) {}

  /** Looks at what was appended since the last time. What it has no time for it leaves to the next. */
  async catchUp(): Promise<void> {
    const { rows } = await this.options.reader.query<{ ledger_id: number; tenant: string; origin: string; tree_size: string; to_leaf: string }>(
      `SELECT ledger_id, tenant, origin, tree_size, coalesce(to_leaf, 0) AS to_leaf FROM ledgers JOIN heads USING (ledger_id) LEFT JOIN part_stretch_ends USING (ledger_id)
       WHERE tree_size > coalesce(to_leaf, 0) ORDER BY ledger_id`,
    );
    const endMs = performance.now() + LOOKING_MS_MAX;
    for (const { ledger_id: ledgerId, tenant, origin, tree_size, to_leaf } of rows) {
      const treeSize = Number(tree_size);
      for (let from = Number(to_leaf); from < treeSize && performance.now() < endMs; ) {
        const to = Math.min(from + STRETCH_LEAVES, treeSize);
        if (!(await this.#add({ ledgerId, tenant, origin }, from, to))) break;
        from = to;
      }
    }
  }

  /** Pages in the order of ledgers and leaves, without what is left for the sake of `except` alone. */
  async page(after: After | undefined, except: readonly string[], limit: number): Promise<Stretch[]> {
    const { rows } = await this.options.reader.query<StretchRow>(
      `SELECT ledger_id, tenant, class, from_leaf, to_leaf, first_recorded_at, last_recorded_at FROM part_stretches JOIN ledgers USING (ledger_id)
       WHERE (ledger_id, from_leaf, class) > ($1, $2, $3) AND NOT (kept_for && $4) ORDER BY ledger_id, from_leaf, class LIMIT $5`,
      [after?.ledgerId ?? 0, after?.from ?? -1, after?.class ?? '', except, limit],
    );
    return rows.map((row) => ({
      ledgerId: row.ledger_id, tenant: row.tenant, class: row.class, from: Number(row.from_leaf), to: Number(row.to_leaf), firstRecordedAt: row.first_recorded_at, lastRecordedAt: row.last_recorded_at,
    }));
  }

  /** False when the stretch is neither full nor old enough. */
  async #add(ledger: Ledger, from: number, to: number): Promise<boolean> {
    const { reader, eraser, classes, maxAgeMs, now } = this.options;
    if (to - from < STRETCH_LEAVES && !(await this.#isOld(ledger, from, now().getTime() - maxAgeMs))) return false;
    const byClass = new Map<DataClass, { parts: number; first: string; last: string }>();
    for (const { class: partClass, parts, recordedAt } of await storedParts(reader, ledger, from, to, classes)) {
      const sum = byClass.get(partClass);
      if (sum === undefined) byClass.set(partClass, { parts, first: recordedAt, last: recordedAt });
      else Object.assign(sum, { parts: sum.parts + parts, last: recordedAt });
    }
    await withTransaction(eraser, async (client) => {
      // Of two who look at the same stretch one is enough.
      await client.query('INSERT INTO part_stretch_ends (ledger_id, to_leaf) VALUES ($1, 0) ON CONFLICT DO NOTHING', [ledger.ledgerId]);
      const { rowCount } = await client.query('UPDATE part_stretch_ends SET to_leaf = $3 WHERE ledger_id = $1 AND to_leaf = $2', [ledger.ledgerId, from, to]);
      if (rowCount !== 1) return;
      for (const [partClass, { parts, first, last }] of byClass) {
        await client.query(
          'INSERT INTO part_stretches (ledger_id, class, from_leaf, to_leaf, parts, first_recorded_at, last_recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7)',
          [ledger.ledgerId, partClass, from, to, parts, first, last],
        );
      }
    });
    return true;
  }

  async #isOld({ ledgerId }: Ledger, leafIndex: number, beforeMs: number): Promise<boolean> {
    const { rows } = await this.options.reader.query<{ entry: Buffer }>('SELECT entry FROM entries WHERE ledger_id = $1 AND leaf_index = $2', [ledgerId, leafIndex]);
    const recordedAt = /"recordedAt":"([^"]+)"/.exec(rows[0]?.entry.toString('latin1') ?? '')?.[1];
    return recordedAt !== undefined && Date.parse(recordedAt) <= beforeMs;
  }
}

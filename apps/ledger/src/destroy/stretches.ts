import { withTransaction } from '@countersign/postgres';
import type { DataClass } from '@countersign/contracts';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { PartClasses } from './part-class.js';
import { AfterList } from './after-list.js';
import { storedParts } from './stored-parts.js';
import { stretchId, type StretchName } from './stretch-id.js';

/** Entries of one stretch: what retention sees and orders as one resource. */
export const STRETCH_LEAVES = 1_024;
/** What a list may take to look at entries that nobody has looked at yet. */
const LOOKING_MS_MAX = 5_000;
const LEDGERS_A_PAGE = 500;

export interface Stretch {
  readonly ledgerId: number;
  readonly tenant: string;
  readonly class: DataClass;
  readonly from: number;
  readonly to: number;
  readonly firstRecordedAt: Date;
  readonly lastRecordedAt: Date;
}

interface UnseenRow {
  readonly ledger_id: number;
  readonly tenant: string;
  readonly origin: string;
  readonly tree_size: string;
  readonly to_leaf: string;
  /** NULL: nothing of the ledger was looked at yet. */
  readonly classes: string | null;
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

export interface StretchesOptions {
  readonly reader: pg.Pool;
  /** As the eraser. */
  readonly eraser: pg.Pool;
  readonly classes: PartClasses;
  /** A stretch that is not full yet is shown when its oldest entry is so old. */
  readonly maxAgeMs: number;
  /** Default 5 s. */
  readonly lookingMs?: number;
  readonly now: () => Date;
}

/** Which stretches of which ledgers have parts of which class. */
export class Stretches {
  readonly #classes: string;

  constructor(private readonly options: StretchesOptions) {
    this.#classes = [...options.classes].map(([type, partClass]) => `${type}=${partClass}`).sort().join(',');
  }

  /**
   * Before a list begins: looks at what was appended since the last time. What it has no time for is left to the place that is returned; undefined
   * when nothing is.
   */
  async catchUp(after = AfterList.beginning): Promise<AfterList | undefined> {
    if (!after.isBefore) return undefined;
    const { rows } = await this.options.reader.query<UnseenRow>(
      `SELECT ledger_id, tenant, origin, tree_size, coalesce(to_leaf, 0) AS to_leaf, classes FROM ledgers JOIN heads USING (ledger_id) LEFT JOIN part_stretch_ends USING (ledger_id)
       WHERE ledger_id >= $1 AND tree_size > 0 AND (tree_size > coalesce(to_leaf, 0) OR classes <> $2) ORDER BY ledger_id LIMIT $3`,
      [after.ledgerId, this.#classes, LEDGERS_A_PAGE],
    );
    const endMs = performance.now() + (this.options.lookingMs ?? LOOKING_MS_MAX);
    for (const { ledger_id: ledgerId, tenant, origin, tree_size, to_leaf, classes } of rows) {
      const isAnew = classes !== null && classes !== this.#classes;
      if (isAnew) await this.#forget(ledgerId, classes);
      const treeSize = Number(tree_size);
      for (let from = isAnew ? 0 : Number(to_leaf); from < treeSize; ) {
        const to = Math.min(from + STRETCH_LEAVES, treeSize);
        if (!(await this.#add({ ledgerId, tenant, origin }, from, to))) break;
        from = to;
        if (from < treeSize && performance.now() > endMs) return AfterList.before(ledgerId);
      }
      if (performance.now() > endMs) return AfterList.before(ledgerId + 1);
    }
    return rows.length < LEDGERS_A_PAGE ? undefined : AfterList.before(rows.at(-1)!.ledger_id + 1);
  }

  /** Of these the ones that are there, by their ids. */
  async known({ ledgerId, tenant }: Ledger, names: readonly StretchName[]): Promise<Set<string>> {
    const { rows } = await this.options.reader.query<{ from_leaf: string; to_leaf: string; class: DataClass }>(
      'SELECT from_leaf, to_leaf, class FROM part_stretches WHERE ledger_id = $1 AND (from_leaf, to_leaf, class) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::text[]))',
      [ledgerId, names.map(({ from }) => from), names.map(({ to }) => to), names.map((name) => name.class)],
    );
    return new Set(rows.map((row) => stretchId({ tenant, class: row.class, from: Number(row.from_leaf), to: Number(row.to_leaf) })));
  }

  /** Pages in the order of ledgers and leaves, without what is left for the sake of `except` alone. */
  async page(after: AfterList | undefined, except: readonly string[], limit: number): Promise<Stretch[]> {
    const { ledgerId, from, partClass } = after === undefined || after.isBefore ? AfterList.beginning : after;
    const { rows } = await this.options.reader.query<StretchRow>(
      `SELECT ledger_id, tenant, class, from_leaf, to_leaf, first_recorded_at, last_recorded_at FROM part_stretches JOIN ledgers USING (ledger_id)
       WHERE (ledger_id, from_leaf, class) > ($1, $2, $3) AND NOT (kept_for && $4) ORDER BY ledger_id, from_leaf, class LIMIT $5`,
      [ledgerId, from, partClass, except, limit],
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
      await client.query('INSERT INTO part_stretch_ends (ledger_id, to_leaf, classes) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING', [ledger.ledgerId, this.#classes]);
      const { rowCount } = await client.query('UPDATE part_stretch_ends SET to_leaf = $3 WHERE ledger_id = $1 AND to_leaf = $2 AND classes = $4', [ledger.ledgerId, from, to, this.#classes]);
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

  /** Classes have been configured anew: what is of which has to be found out again. */
  async #forget(ledgerId: number, classes: string): Promise<void> {
    await withTransaction(this.options.eraser, async (client) => {
      const { rowCount } = await client.query('UPDATE part_stretch_ends SET to_leaf = 0, classes = $3 WHERE ledger_id = $1 AND classes = $2', [ledgerId, classes, this.#classes]);
      if (rowCount === 1) await client.query('DELETE FROM part_stretches WHERE ledger_id = $1', [ledgerId]);
    });
  }

  async #isOld({ ledgerId }: Ledger, leafIndex: number, beforeMs: number): Promise<boolean> {
    const { rows } = await this.options.reader.query<{ entry: Buffer }>('SELECT entry FROM entries WHERE ledger_id = $1 AND leaf_index = $2', [ledgerId, leafIndex]);
    const recordedAt = /"recordedAt":"([^"]+)"/.exec(rows[0]?.entry.toString('latin1') ?? '')?.[1];
    return recordedAt !== undefined && Date.parse(recordedAt) <= beforeMs;
  }
}

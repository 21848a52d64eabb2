import { decodeEntry, type Entry } from '@countersign/chain';
import type { DataClass } from '@countersign/contracts';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import { classOfType, type PartClasses } from './part-class.js';

/** An entry whose parts, or some of them, are stored. */
export interface StoredParts {
  readonly leafIndex: number;
  readonly type: string;
  readonly class: DataClass;
  readonly recordedAt: string;
  /** Parts that are stored. */
  readonly parts: number;
  /** Ids that it names: who did it, to what, and whom its parts are about. */
  readonly names: readonly string[];
}

interface Row {
  readonly leaf_index: string;
  readonly entry: Buffer;
  readonly parts: number;
}

/** Those of the entries [from, to) that have parts and may lose them, in order. */
export async function storedParts(pool: pg.Pool, { ledgerId }: Ledger, from: number, to: number, classes: PartClasses): Promise<StoredParts[]> {
  const { rows } = await pool.query<Row>(
    `SELECT leaf_index, entry, num_nonnulls(data_part) + coalesce(cardinality(array_remove(personal_parts, NULL)), 0) AS parts FROM entries
     WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 AND (data_part IS NOT NULL OR personal_parts IS NOT NULL) ORDER BY leaf_index`,
    [ledgerId, from, to],
  );
  return rows.flatMap((row) => {
    const entry = decodeEntry(row.entry);
    const partClass = classOfType(entry.type, classes);
    if (partClass === undefined || row.parts === 0) return [];
    return [{ leafIndex: Number(row.leaf_index), type: entry.type, class: partClass, recordedAt: entry.recordedAt, parts: row.parts, names: namesOf(entry) }];
  });
}

function namesOf({ actor, resource, correlationId, parts }: Entry): string[] {
  return [actor.id, resource?.id, correlationId, ...parts.map(({ subject }) => subject)].filter((id) => id !== undefined);
}

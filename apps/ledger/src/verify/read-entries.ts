import type { StoredEntry } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

interface Row {
  readonly leaf_index: string;
  readonly event_id: string;
  readonly entry: Buffer;
  readonly data_part: Buffer | null;
  readonly personal_parts: (Buffer | null)[] | null;
}

/** Those of the few entries [start, end) that are there, in order; a history is streamed instead. */
export async function readEntries(client: pg.ClientBase, ledger: Ledger, start: number, end: number): Promise<StoredEntry[]> {
  const { rows } = await client.query<Row>(
    `SELECT leaf_index, event_id, entry, data_part, personal_parts FROM entries
      WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index`,
    [ledger.ledgerId, start, end],
  );
  return rows.map((row) => ({
    leafIndex: Number(row.leaf_index),
    eventId: row.event_id,
    entry: row.entry,
    data: row.data_part,
    personal: row.personal_parts ?? [],
  }));
}

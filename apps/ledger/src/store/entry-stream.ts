import { ChainFault, PackedEntry, type StoredEntry } from '@countersign/chain';
import { copyOutRows } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

const INDEX_BYTES = 8;
const UUID_BYTES = 16;
// Where the fields of an ordinary row begin, behind their lengths of four bytes; before all a count of two bytes.
const INDEX_AT = 6;
const EVENT_ID_AT = INDEX_AT + INDEX_BYTES + 4;
const ENTRY_AT = EVENT_ID_AT + UUID_BYTES + 4;
const NONE: readonly (Buffer | null)[] = [];

/**
 * Streams the stored entries [start, end) of a ledger in order of their index, as the database holds them: rows that
 * are missing are simply not there.
 */
export async function* streamEntries(client: pg.ClientBase, ledger: Ledger, start: number, end: number): AsyncGenerator<StoredEntry[]> {
  // Without statistics, as after a bulk load, the planner thinks that little is read and sorts it; the index has the order.
  await client.query('SET enable_sort = off');
  for await (const rows of copyOutRows(client, selectEntries(ledger, start, end))) yield rows.map(readRow);
}

function selectEntries(ledger: Ledger, start: number, end: number): string {
  return `COPY (SELECT leaf_index, event_id, entry, data_part, personal_parts FROM entries
                 WHERE ledger_id = ${ledger.ledgerId} AND leaf_index >= ${start} AND leaf_index < ${end}
                 ORDER BY leaf_index) TO STDOUT (FORMAT binary)`;
}

/** Reads one row of a binary COPY, from its number of fields on (PostgreSQL manual, COPY, "Binary Format"). */
export function readRow(row: Buffer): StoredEntry {
  const isOrdinary = row.readInt32BE(INDEX_AT - 4) === INDEX_BYTES && row.readInt32BE(EVENT_ID_AT - 4) === UUID_BYTES && row.readInt32BE(ENTRY_AT - 4) >= 0;
  if (!isOrdinary) return readOddRow(row);
  const leafIndex = row.readInt32BE(INDEX_AT) * 0x1_0000_0000 + row.readUInt32BE(INDEX_AT + 4);
  const entryEnd = ENTRY_AT + row.readInt32BE(ENTRY_AT - 4);
  const dataAt = entryEnd + 4;
  const dataLength = row.readInt32BE(entryEnd);
  const dataEnd = dataAt + Math.max(0, dataLength);
  const personal = readByteArrays(row, dataEnd);
  return new PackedEntry(row, leafIndex, EVENT_ID_AT, ENTRY_AT, entryEnd, dataLength < 0 ? undefined : dataAt, dataEnd, personal);
}

/**
 * A row that our schema does not allow: whoever owns the database can change the schema. It must be judged like any
 * other, and not keep verification from an end: no event id, or no entry.
 */
function readOddRow(row: Buffer): StoredEntry {
  if (row.readInt32BE(INDEX_AT - 4) !== INDEX_BYTES) throw new ChainFault('ENTRY_MALFORMED', 'the index of an entry is not stored as a 64-bit number');
  const leafIndex = Number(row.readBigInt64BE(INDEX_AT));
  const idEnd = EVENT_ID_AT + Math.max(0, row.readInt32BE(EVENT_ID_AT - 4));
  const entryEnd = idEnd + 4 + Math.max(0, row.readInt32BE(idEnd));
  return { leafIndex, eventId: row.toString('hex', EVENT_ID_AT, idEnd), entry: row.subarray(idEnd + 4, entryEnd), data: null, personal: NONE };
}

function readByteArrays(row: Buffer, start: number): readonly (Buffer | null)[] {
  const length = row.readInt32BE(start);
  if (length < 0) return NONE;
  const dimensions = row.readInt32BE(start + 4);
  if (dimensions === 0) return NONE;
  // Arrays of arrays are nothing that we write: as one part, it fits no entry.
  if (dimensions !== 1) return [row.subarray(start + 4, start + 4 + length)];
  const count = row.readInt32BE(start + 16);
  const values: (Buffer | null)[] = [];
  let at = start + 24;
  for (let i = 0; i < count; i++) {
    const valueLength = row.readInt32BE(at);
    values.push(valueLength < 0 ? null : row.subarray(at + 4, at + 4 + valueLength));
    at += 4 + Math.max(0, valueLength);
  }
  return values;
}

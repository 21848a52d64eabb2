import { ChainFault, type StoredEntry } from '@countersign/chain';
import { copyOutBinary } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

const HEADER_BYTES = 19;
const INDEX_BYTES = 8;
const UUID_BYTES = 16;
const END_OF_ROWS = -1;
const NONE: readonly (Buffer | null)[] = [];

/**
 * Streams the stored entries [start, end) of a ledger in order of their index, as the database holds them: rows that
 * are missing are simply not there. Buffers are valid until the next batch is asked for.
 */
export async function* streamEntries(client: pg.ClientBase, ledger: Ledger, start: number, end: number): AsyncGenerator<StoredEntry[]> {
  const reader = new RowReader();
  for await (const chunk of copyOutBinary(client, selectEntries(ledger, start, end))) {
    const entries = reader.read(chunk);
    if (entries.length > 0) yield entries;
  }
}

function selectEntries(ledger: Ledger, start: number, end: number): string {
  return `COPY (SELECT leaf_index, event_id, entry, data_part, personal_parts FROM entries
                 WHERE ledger_id = ${ledger.ledgerId} AND leaf_index >= ${start} AND leaf_index < ${end}
                 ORDER BY leaf_index) TO STDOUT (FORMAT binary)`;
}

/** Reads rows out of a binary COPY whose chunks break anywhere (PostgreSQL documentation of COPY, "Binary Format"). */
export class RowReader {
  private rest: Buffer = Buffer.alloc(0);
  private headerRead = false;

  /** Rows that are complete with this chunk. */
  read(chunk: Buffer): StoredEntry[] {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const rows: StoredEntry[] = [];
    let at = 0;
    if (!this.headerRead) {
      if (bytes.length < HEADER_BYTES) {
        this.rest = bytes;
        return rows;
      }
      at = HEADER_BYTES;
      this.headerRead = true;
    }
    for (;;) {
      const end = rowEnd(bytes, at);
      if (end === undefined) break;
      rows.push(readRow(bytes, at + 2));
      at = end;
    }
    this.rest = bytes.subarray(at);
    return rows;
  }
}

/** Where the row at `at` ends; undefined when it is not complete, or is the trailer. */
function rowEnd(bytes: Buffer, at: number): number | undefined {
  if (bytes.length < at + 2) return undefined;
  const fields = bytes.readInt16BE(at);
  if (fields === END_OF_ROWS) return undefined;
  let position = at + 2;
  for (let i = 0; i < fields; i++) {
    if (bytes.length < position + 4) return undefined;
    const length = bytes.readInt32BE(position);
    position += 4 + Math.max(0, length);
  }
  return bytes.length < position ? undefined : position;
}

function readRow(bytes: Buffer, start: number): StoredEntry {
  const isOrdinary = bytes.readInt32BE(start) === INDEX_BYTES && bytes.readInt32BE(start + 12) === UUID_BYTES && bytes.readInt32BE(start + 32) >= 0;
  if (!isOrdinary) return readOddRow(bytes, start);
  const leafIndex = bytes.readInt32BE(start + 4) * 0x1_0000_0000 + bytes.readUInt32BE(start + 8);
  const hex = bytes.toString('hex', start + 16, start + 32);
  const eventId = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  const entryAt = start + 36;
  const entryEnd = entryAt + bytes.readInt32BE(start + 32);
  const dataLength = bytes.readInt32BE(entryEnd);
  const dataEnd = entryEnd + 4 + Math.max(0, dataLength);
  return {
    leafIndex,
    eventId,
    entry: bytes.subarray(entryAt, entryEnd),
    data: dataLength < 0 ? null : bytes.subarray(entryEnd + 4, dataEnd),
    personal: readByteArrays(bytes, dataEnd),
  };
}

/**
 * A row that our schema does not allow: whoever owns the database can change the schema. It must be judged like any
 * other, and not keep verification from an end: no event id, or no entry.
 */
function readOddRow(bytes: Buffer, start: number): StoredEntry {
  if (bytes.readInt32BE(start) !== INDEX_BYTES) throw new ChainFault('ENTRY_MALFORMED', 'the index of an entry is not stored as a 64-bit number');
  const leafIndex = Number(bytes.readBigInt64BE(start + 4));
  const idEnd = start + 16 + Math.max(0, bytes.readInt32BE(start + 12));
  const entryEnd = idEnd + 4 + Math.max(0, bytes.readInt32BE(idEnd));
  return { leafIndex, eventId: bytes.toString('hex', start + 16, idEnd), entry: bytes.subarray(idEnd + 4, entryEnd), data: null, personal: NONE };
}

function readByteArrays(bytes: Buffer, start: number): readonly (Buffer | null)[] {
  const length = bytes.readInt32BE(start);
  if (length < 0) return NONE;
  const dimensions = bytes.readInt32BE(start + 4);
  if (dimensions === 0) return NONE;
  // Arrays of arrays are nothing that we write: as one part, it fits no entry.
  if (dimensions !== 1) return [bytes.subarray(start + 4, start + 4 + length)];
  const count = bytes.readInt32BE(start + 16);
  const values: (Buffer | null)[] = [];
  let at = start + 24;
  for (let i = 0; i < count; i++) {
    const valueLength = bytes.readInt32BE(at);
    values.push(valueLength < 0 ? null : bytes.subarray(at + 4, at + 4 + valueLength));
    at += 4 + Math.max(0, valueLength);
  }
  return values;
}

import type { StoredEntry } from '@countersign/chain';
import { copyOutBinary } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

const HEADER_BYTES = 19;
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

function readByteArrays(bytes: Buffer, start: number): readonly (Buffer | null)[] {
  if (bytes.readInt32BE(start) < 0 || bytes.readInt32BE(start + 4) === 0) return NONE;
  const count = bytes.readInt32BE(start + 16);
  const values: (Buffer | null)[] = [];
  let at = start + 24;
  for (let i = 0; i < count; i++) {
    const length = bytes.readInt32BE(at);
    values.push(length < 0 ? null : bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  return values;
}

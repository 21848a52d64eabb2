import { COPY_BINARY_HEADER, COPY_BINARY_TRAILER, copyBinary, copyOutRows } from '@countersign/postgres';
import type pg from 'pg';

/** What PostgreSQL takes at most by one connection: the ledger's own rows by binary COPY, with nothing else to do. */

const BATCH_ROWS = 4_000;
const COLUMNS = 'ledger_id, leaf_index, event_id, content_digest, entry, data_part, personal_parts';

/** Rows of the ledger as finished binary COPY streams of a few thousand rows each. */
export async function readCopyBatches(pool: pg.Pool, ledgerId: number, rows: number): Promise<readonly Buffer[]> {
  const client = await pool.connect();
  try {
    const batches: Buffer[] = [];
    for (let from = 0; from < rows; from += BATCH_ROWS) {
      const range = `ledger_id = ${ledgerId} AND leaf_index >= ${from} AND leaf_index < ${Math.min(from + BATCH_ROWS, rows)}`;
      const copied: Uint8Array[] = [COPY_BINARY_HEADER];
      for await (const batch of copyOutRows(client, `COPY (SELECT ${COLUMNS} FROM entries WHERE ${range} ORDER BY leaf_index) TO STDOUT (FORMAT binary)`)) copied.push(...batch);
      batches.push(Buffer.concat([...copied, COPY_BINARY_TRAILER]));
    }
    return batches;
  } finally {
    client.release();
  }
}

/** Copies the batches, each one a transaction. Returns rows a second. */
export async function copyAppend(pool: pg.Pool, batches: readonly Buffer[]): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('TRUNCATE bench.copied');
    let rows = 0;
    const startMs = performance.now();
    for (const batch of batches) rows += await copyBinary(client, `COPY bench.copied (${COLUMNS}) FROM STDIN (FORMAT binary)`, batch);
    return rows / ((performance.now() - startMs) / 1000);
  } finally {
    client.release();
  }
}

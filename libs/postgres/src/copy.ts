import type pg from 'pg';
import { from } from 'pg-copy-streams';

/** Signature, flags and extension length that begin a binary COPY (PostgreSQL manual, COPY, "Binary Format"). */
export const COPY_BINARY_HEADER: Uint8Array = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');

/** Field count -1 that ends a binary COPY. */
export const COPY_BINARY_TRAILER: Uint8Array = Buffer.from('ffff', 'hex');

/**
 * Runs `COPY … FROM STDIN (FORMAT BINARY)`, sending the buffers one after the other as fast as the server takes them.
 * Together they are the whole stream, header and trailer included.
 * @returns the number of rows that the server took
 * @throws {pg.DatabaseError} when the server refuses; the transaction is aborted then
 */
export async function copyBinary(client: pg.ClientBase, sql: string, buffers: Uint8Array | readonly Uint8Array[]): Promise<number> {
  const parts = buffers instanceof Uint8Array ? [buffers] : buffers;
  const stream = client.query(from(sql));
  let isOver = false;
  // The listener stays: a connection that breaks after the server's own error reports a second one.
  const outcome = new Promise<void>((resolve, reject) => {
    stream.once('finish', resolve);
    stream.on('error', reject);
  });
  const over = outcome.then(
    () => undefined,
    () => {
      isOver = true;
    },
  );
  for (const part of parts) {
    if (isOver) break;
    if (!stream.write(part)) await Promise.race([new Promise<void>((resolve) => stream.once('drain', resolve)), over]);
  }
  if (!isOver) stream.end();
  await outcome;
  return stream.rowCount;
}

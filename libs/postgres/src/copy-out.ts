import type pg from 'pg';
import { CopyOutMessages } from './copy-out-messages.js';

/** Reads of the socket that wait for a reader that is slow: of 64 KiB each. Then the server has to wait. */
const BATCHES_MAX = 8;

/**
 * Runs `COPY … TO STDOUT (FORMAT BINARY)` and yields the rows in batches as they come, each row from its number of fields
 * on (PostgreSQL manual, COPY, "Binary Format", "Tuples"). The server waits while the reader is slow. Leaving the loop
 * early closes the connection, because the protocol has no other way to stop a COPY; a pool replaces it when it is
 * released.
 * @throws {pg.DatabaseError} when the server refuses; the connection goes on
 */
export async function* copyOutRows(client: pg.ClientBase, sql: string): AsyncGenerator<readonly Buffer[], void, undefined> {
  const query = client.query(new CopyOut(sql));
  try {
    for (let rows = await query.next(); rows !== undefined; rows = await query.next()) yield rows;
  } finally {
    if (!query.isOver) await (client as pg.Client).end().catch(() => undefined);
  }
}

type Listener = (bytes: Buffer) => void;

/**
 * A query that takes the place of pg's own parser while rows come: that one makes an object and an event of each. All
 * other messages are still pg's.
 */
class CopyOut implements pg.Submittable {
  isOver = false;
  private readonly batches: Buffer[][] = [];
  private error: Error | undefined;
  private stream: pg.Connection['stream'] | undefined;
  private wake: () => void = () => undefined;

  constructor(private readonly sql: string) {}

  submit(connection: pg.Connection): void {
    const { stream } = connection;
    const toPg = stream.listeners('data')[0] as Listener;
    const messages = new CopyOutMessages(toPg);
    const onData = (bytes: Buffer): void => {
      const rows: Buffer[] = [];
      const end = messages.read(bytes, rows);
      if (rows.length > 0) this.add(rows);
      if (end === undefined) return;
      stream.off('data', onData).on('data', toPg).resume();
      toPg(end);
    };
    this.stream = stream;
    stream.off('data', toPg).on('data', onData);
    connection.query(this.sql);
  }

  /** The next batch; undefined after the last. Rejects when the server refuses, or the connection breaks. */
  async next(): Promise<readonly Buffer[] | undefined> {
    while (this.batches.length === 0 && !this.isOver) {
      if (this.stream?.isPaused() === true) this.stream.resume();
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const batch = this.batches.shift();
    if (batch === undefined && this.error !== undefined) throw this.error;
    return batch;
  }

  private add(rows: Buffer[]): void {
    this.batches.push(rows);
    if (this.batches.length >= BATCHES_MAX) this.stream?.pause();
    this.wake();
  }

  /** pg calls these when the messages come, and the first also when the connection breaks. */
  handleError(error: Error): void {
    this.error = error;
    this.isOver = true;
    this.wake();
  }

  handleCommandComplete(): void {
    // ReadyForQuery follows.
  }

  handleReadyForQuery(): void {
    this.isOver = true;
    this.wake();
  }
}

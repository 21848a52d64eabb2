import type pg from 'pg';
import { serverFault } from './base-backup.js';
import type { BackupFault } from './fault.js';
import { formatLsn, type Lsn } from './lsn.js';

// Messages inside the COPY in both directions (PostgreSQL manual, "Streaming Replication Protocol").
const XLOG_DATA = 0x77;
const KEEPALIVE = 0x6b;
const STATUS = 0x72;
const XLOG_HEADER_BYTES = 25;
const STATUS_BYTES = 34;
const REPLY_AT = 17;
/** What waits for a slow store; then the server has to wait. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;

type Connection = pg.Connection & { sendCopyFromChunk(bytes: Buffer): void };

/** The write-ahead log of a server as it is written, from a position on. Nothing is confirmed until {@link confirm} says so. */
export class WalStream implements pg.Submittable {
  #connection: Connection | undefined;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #serverEnd: Lsn;
  #confirmed: Lsn;
  #error: BackupFault | undefined;
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(
    private readonly slot: string,
    private readonly from: Lsn,
    private readonly timeline: number,
  ) {
    this.#serverEnd = from;
    this.#confirmed = from;
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection as Connection;
    connection.query(`START_REPLICATION SLOT "${this.slot}" PHYSICAL ${formatLsn(this.from)} TIMELINE ${String(this.timeline)}`);
  }

  /** End of the log at the server, as it said last. */
  get serverEnd(): Lsn {
    return this.#serverEnd;
  }

  /** What has come since, at most so many bytes; waits no longer than `waitMs`, and may give nothing. Throws BACKUP_SERVER_FAILED when it is over. */
  async take(bytesMax: number, waitMs: number): Promise<Buffer> {
    if (this.#heldBytes === 0 && this.#error === undefined && !this.#isOver) await this.#more(waitMs);
    if (this.#heldBytes === 0 && this.#error !== undefined) throw this.#error;
    if (this.#heldBytes === 0 && this.#isOver) throw serverFault(new Error('the log ended: another timeline began'));
    const parts: Buffer[] = [];
    for (let left = bytesMax; left > 0 && this.#held.length > 0; ) {
      const [first] = this.#held;
      const part = first!.subarray(0, left);
      parts.push(part);
      left -= part.length;
      if (part.length === first!.length) this.#held.shift();
      else this.#held[0] = first!.subarray(part.length);
    }
    const taken = Buffer.concat(parts);
    this.#heldBytes -= taken.length;
    if (this.#heldBytes < HELD_BYTES_MAX && this.#connection?.stream.isPaused() === true) this.#connection.stream.resume();
    return taken;
  }

  /** All before this position is durable elsewhere: the server may forget it. */
  confirm(lsn: Lsn): void {
    this.#confirmed = lsn;
    this.#reply();
  }

  async #more(waitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, waitMs);
    });
    clearTimeout(timer);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    if (chunk[0] === XLOG_DATA) {
      // A copy: pg uses the memory of what it has read again.
      const bytes = Buffer.from(chunk.subarray(XLOG_HEADER_BYTES));
      this.#serverEnd = chunk.readBigUInt64BE(9);
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
      if (this.#heldBytes >= HELD_BYTES_MAX) this.#connection?.stream.pause();
      this.#wake();
    } else if (chunk[0] === KEEPALIVE) {
      this.#serverEnd = chunk.readBigUInt64BE(1);
      if (chunk[REPLY_AT] === 1) this.#reply();
    }
  }

  /** The server's clock is not asked for: its field may be 0. */
  #reply(): void {
    const status = Buffer.alloc(STATUS_BYTES);
    status[0] = STATUS;
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(this.#confirmed, at);
    if (!this.#isOver) this.#connection?.sendCopyFromChunk(status);
  }

  /** pg calls these; the first also when the connection breaks. */
  handleError(error: Error): void {
    this.#error = serverFault(error);
    this.handleReadyForQuery();
  }

  handleRowDescription(): void {
    // The next timeline, after the end of this one.
  }

  handleDataRow(): void {
    // As above.
  }

  handleCommandComplete(): void {
    // ReadyForQuery follows.
  }

  handleReadyForQuery(): void {
    this.#isOver = true;
    this.#wake();
  }
}

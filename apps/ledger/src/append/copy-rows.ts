/** One row of `entries`, ready to be stored. */
export interface EntryRow {
  readonly leafIndex: number;
  readonly eventId: string;
  /** Hex: see `storedDigest`. */
  readonly contentDigest: string;
  readonly entryText: string;
  readonly dataPart: Buffer | undefined;
  readonly personalParts: readonly Buffer[];
}

export const ENTRIES_COPY_SQL =
  'COPY entries (ledger_id, leaf_index, event_id, content_digest, entry, data_part, personal_parts) FROM STDIN (FORMAT binary)';

// PostgreSQL's binary COPY format: signature, flags, header extension length (documentation of COPY, "Binary Format").
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const TRAILER_BYTES = 2;
const COLUMNS = 7;
const NULL_LENGTH = -1;
// Column count, then length words and fixed-size values of all columns but the digest's, the entry's and the parts' own bytes.
const ROW_FIXED_BYTES = 2 + COLUMNS * 4 + 4 + 8 + 16 + 20;
const BYTEA_OID = 17;
const NO_BYTES = Buffer.alloc(0);
const START_BYTES = 256 * 1024;
/** Buffers kept for reuse by all ledgers of a process: of each busy one, one batch is committed while the next is built. */
const KEPT_BUFFERS_MAX = 4;

/**
 * Buffers that go from batch to batch. Fresh ones, of megabytes, many times a second, would make V8 mark its whole
 * heap several times a second to find out that they are garbage.
 */
export class RowBuffers {
  private readonly kept: Buffer[] = [];

  take(): Buffer {
    return this.kept.pop() ?? Buffer.allocUnsafeSlow(START_BYTES);
  }

  /** Only what nobody reads any more: a batch's buffer once the server has answered its commit. */
  giveBack(bytes: Buffer): void {
    if (this.kept.length < KEPT_BUFFERS_MAX) this.kept.push(bytes);
  }
}

/** Builds the byte stream of one binary COPY into `entries`. Grows as needed; hand it over once by {@link finish}. */
export class EntryRows {
  private bytes: Buffer;
  private used: number;
  private rows = 0;

  constructor(
    private readonly ledgerId: number,
    private readonly buffers: RowBuffers,
  ) {
    this.bytes = buffers.take();
    this.used = HEADER.copy(this.bytes, 0);
  }

  get rowCount(): number {
    return this.rows;
  }

  get byteLength(): number {
    return this.used;
  }

  add(row: EntryRow): void {
    const { dataPart, personalParts } = row;
    const digestBytes = row.contentDigest.length / 2;
    let personalBytes = 0;
    for (let i = 0; i < personalParts.length; i++) personalBytes += 4 + personalParts[i]!.length;
    this.reserve(ROW_FIXED_BYTES + digestBytes + row.entryText.length * 3 + (dataPart?.length ?? 0) + personalBytes);
    const b = this.bytes;
    let at = b.writeInt16BE(COLUMNS, this.used);
    at = b.writeInt32BE(4, at);
    at = b.writeInt32BE(this.ledgerId, at);
    at = b.writeInt32BE(8, at);
    at = writeInt64(b, row.leafIndex, at);
    at = b.writeInt32BE(16, at);
    at += b.write(row.eventId.replaceAll('-', ''), at, 16, 'hex');
    at = b.writeInt32BE(digestBytes, at);
    at += b.write(row.contentDigest, at, digestBytes, 'hex');
    const entryBytes = b.write(row.entryText, at + 4, 'utf8');
    b.writeInt32BE(entryBytes, at);
    at = writeBytes(b, dataPart, at + 4 + entryBytes);
    this.used = writeByteArrays(b, personalParts, personalBytes, at);
    this.rows += 1;
  }

  /** The whole stream, with its trailer. */
  finish(): Buffer {
    this.reserve(TRAILER_BYTES);
    this.used = this.bytes.writeInt16BE(-1, this.used);
    return this.bytes.subarray(0, this.used);
  }

  /** Gives the buffer to a later batch. Nothing of these rows may be read afterwards. */
  release(): void {
    this.buffers.giveBack(this.bytes);
    this.bytes = NO_BYTES;
    this.used = 0;
  }

  private reserve(more: number): void {
    const needed = this.used + more;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, needed));
    this.bytes.copy(grown, 0, 0, this.used);
    this.bytes = grown;
  }
}

// Leaf indexes are safe integers: two 32-bit halves spare a BigInt a row.
function writeInt64(b: Buffer, value: number, at: number): number {
  b.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  return b.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

function writeBytes(b: Buffer, value: Buffer | undefined, start: number): number {
  if (value === undefined) return b.writeInt32BE(NULL_LENGTH, start);
  const at = b.writeInt32BE(value.length, start);
  return at + value.copy(b, at);
}

/** bytea[] in binary form: dimensions, has-null flag, element type, then for the one dimension its size and lower bound. */
function writeByteArrays(b: Buffer, values: readonly Buffer[], valueBytes: number, start: number): number {
  if (values.length === 0) return b.writeInt32BE(NULL_LENGTH, start);
  let at = b.writeInt32BE(20 + valueBytes, start);
  at = b.writeInt32BE(1, at);
  at = b.writeInt32BE(0, at);
  at = b.writeInt32BE(BYTEA_OID, at);
  at = b.writeInt32BE(values.length, at);
  at = b.writeInt32BE(1, at);
  for (let i = 0; i < values.length; i++) at = writeBytes(b, values[i], at);
  return at;
}

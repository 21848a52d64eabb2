import { COPY_BINARY_HEADER } from './copy.js';

// Message types of the backend (PostgreSQL manual, "Message Formats").
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const ERROR_RESPONSE = 0x45;
/** A type byte, then a 32-bit length that counts itself. */
const MESSAGE_HEADER_BYTES = 5;
const TRAILER = -1;

/**
 * Takes the rows of a `COPY … TO STDOUT (FORMAT BINARY)` out of what a connection receives, which breaks anywhere. The
 * server sends one row a message; binary format puts its header before the first and its trailer into the last.
 */
export class CopyOutMessages {
  /** Of a message that has not come to its end, and how many bytes that is away. */
  private pieces: Buffer[] = [];
  private missing = 0;
  private isHeaderRead = false;

  /** Told of messages that are none of the COPY's data, such as notices. */
  constructor(private readonly onOther: (message: Buffer) => void) {}

  /**
   * Adds the rows that are complete with these bytes, each from its number of fields on, without copying them.
   * Returns what begins with the message that ends the data, once it has come.
   */
  read(bytes: Buffer, rows: Buffer[]): Buffer | undefined {
    if (this.missing === 0) return this.split(bytes, rows);
    const taken = bytes.subarray(0, this.missing);
    this.pieces.push(taken);
    this.missing -= taken.length;
    if (this.missing > 0) return undefined;
    const whole = Buffer.concat(this.pieces);
    const rest = bytes.subarray(taken.length);
    const end = this.split(whole, rows);
    return end === undefined ? this.read(rest, rows) : Buffer.concat([end, rest]);
  }

  private split(bytes: Buffer, rows: Buffer[]): Buffer | undefined {
    let at = 0;
    let end = MESSAGE_HEADER_BYTES;
    while (end <= bytes.length) {
      const type = bytes[at];
      if (type === COPY_DONE || type === ERROR_RESPONSE) return bytes.subarray(at);
      end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (type === COPY_DATA) this.take(bytes.subarray(at + MESSAGE_HEADER_BYTES, end), rows);
      else this.onOther(bytes.subarray(at, end));
      at = end;
      end += MESSAGE_HEADER_BYTES;
    }
    this.pieces = at < bytes.length ? [bytes.subarray(at)] : [];
    this.missing = at < bytes.length ? end - bytes.length : 0;
    return undefined;
  }

  private take(data: Buffer, rows: Buffer[]): void {
    const row = this.isHeaderRead ? data : data.subarray(COPY_BINARY_HEADER.length);
    this.isHeaderRead = true;
    if (row.length > 1 && row.readInt16BE(0) !== TRAILER) rows.push(row);
  }
}

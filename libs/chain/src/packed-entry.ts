import { hash } from 'node:crypto';
import type { StoredEntry } from './stored-entry.js';
import { HASH_BYTES, LEAF_PREFIX_BYTE } from './hash.js';

const UUID_BYTES = 16;

/**
 * A stored entry inside the bytes that a store sent, by where its fields begin and end. Nothing is copied out of them
 * until it is asked for: millions of these are read to verify a ledger.
 */
export class PackedEntry implements StoredEntry {
  constructor(
    readonly bytes: Buffer,
    readonly leafIndex: number,
    /** The 16 bytes of the event id under which it is stored. */
    readonly eventIdAt: number,
    /** At least 1: the byte before is borrowed while the leaf is hashed. */
    readonly entryAt: number,
    readonly entryEnd: number,
    /** Undefined when there is no `data` part, or it was destroyed. */
    readonly dataAt: number | undefined,
    readonly dataEnd: number,
    readonly personal: readonly (Buffer | null)[],
  ) {}

  get eventId(): string {
    const hex = this.bytes.toString('hex', this.eventIdAt, this.eventIdAt + UUID_BYTES);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  get entry(): Buffer {
    return this.bytes.subarray(this.entryAt, this.entryEnd);
  }

  get data(): Buffer | null {
    return this.dataAt === undefined ? null : this.bytes.subarray(this.dataAt, this.dataEnd);
  }

  /** Writes the leaf hash of the entry (RFC 6962 §2.1) to `out`. */
  leafHashInto(out: Buffer): void {
    const { bytes, entryAt } = this;
    const before = bytes[entryAt - 1]!;
    bytes[entryAt - 1] = LEAF_PREFIX_BYTE;
    out.write(hash('sha256', bytes.subarray(entryAt - 1, this.entryEnd), 'binary'), 0, HASH_BYTES, 'latin1');
    bytes[entryAt - 1] = before;
  }
}

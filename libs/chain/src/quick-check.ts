import { hash } from 'node:crypto';
import { EntryScanner } from './entry-scanner.js';
import { ENTRY_BYTES_MAX } from './event.js';
import { HASH_BYTES } from './hash.js';
import type { PackedEntry } from './packed-entry.js';

/**
 * Whether an entry is what nearly every entry is: written as we write it, in its place, joined to the one before, with
 * the parts that it lists. Makes no strings and throws nothing. False only says that somebody has to look closely.
 */
export class QuickCheck {
  private readonly scanner = new EntryScanner();
  private readonly tenant: Uint8Array;
  private readonly digest = Buffer.alloc(HASH_BYTES);
  /** Of the entry that held last. */
  recordedAt = '';
  private recordedAtBytes: Uint8Array = new Uint8Array(0);

  constructor(tenant: string) {
    this.tenant = Buffer.from(tenant, 'latin1');
  }

  /** Whether it is entry `leafIndex` and follows the one whose hash and time of recording are given. */
  holds(packed: PackedEntry, leafIndex: number, previousHash: Buffer, previousRecordedAt: string): boolean {
    const { scanner } = this;
    const { bytes, entryAt, entryEnd } = packed;
    return (
      packed.leafIndex === leafIndex &&
      entryEnd - entryAt <= ENTRY_BYTES_MAX &&
      scanner.begin(bytes, entryAt, entryEnd) &&
      scanner.index === leafIndex &&
      scanner.isUuid(scanner.idAt, bytes, packed.eventIdAt) &&
      this.holdsParts(packed) &&
      scanner.rest() &&
      scanner.isHex(scanner.linkAt, previousHash) &&
      scanner.isText(scanner.tenantAt, scanner.tenantEnd, this.tenant) &&
      this.isNotBefore(previousRecordedAt)
    );
  }

  private holdsParts({ bytes, dataAt, dataEnd, personal }: PackedEntry): boolean {
    const { scanner } = this;
    let data = 0;
    let next = 0;
    while (scanner.part()) {
      let part: Buffer | null | undefined;
      if (!scanner.isData) part = personal[next++];
      else if (dataAt !== undefined) part = data++ === 0 ? bytes.subarray(dataAt, dataEnd) : null;
      if (part === null || part === undefined || part.length !== scanner.partBytes) return false;
      this.digest.write(hash('sha256', part, 'binary'), 0, HASH_BYTES, 'latin1');
      if (!scanner.isHex(scanner.digestAt, this.digest)) return false;
    }
    return next === personal.length && (dataAt === undefined || data === 1);
  }

  /** Entries that were committed together have the same time. */
  private isNotBefore(previous: string): boolean {
    const { recordedAt, recordedAtEnd } = this.scanner;
    if (this.recordedAt === previous && this.scanner.isText(recordedAt, recordedAtEnd, this.recordedAtBytes)) return true;
    const text = this.scanner.latin1(recordedAt, recordedAtEnd);
    if (text < previous) return false;
    this.recordedAt = text;
    this.recordedAtBytes = Buffer.from(text, 'latin1');
    return true;
  }
}

import {
  chainEntry,
  encryptedPart,
  HASH_BYTES,
  saltedPart,
  SALT_BYTES,
  type AdmittedEvent,
  type SealedPart,
  type FullTile,
  type Receipt,
} from '@countersign/chain';
import { storedDigest, type SentDigests } from './content-digest.js';
import { EntryRows, type RowBuffers } from './copy-rows.js';
import type { Head, Ledger } from './head.js';
import type { StoredPart } from './stored-part.js';

/** An event on record, or about to be, with what tells a retry from a reused id. */
export interface Recorded {
  readonly receipt: Receipt;
  /** Undefined once the event's personal part was destroyed. */
  readonly contentDigest: string | undefined;
}

/** Random bytes for salts; `crypto.randomBytes` in production. */
export type RandomBytes = (count: number) => Buffer;

const SALTS_AHEAD = 512;

/**
 * Entries extended from one head, not yet stored. Nothing here is true until its rows, tiles and head are committed
 * together; a batch that fails is dropped whole and its messages are built again.
 */
export class Batch {
  readonly tiles: FullTile[] = [];
  readonly recorded = new Map<string, Recorded>();
  readonly rows: EntryRows;
  private readonly edge;
  private lastEventHash: string;
  private treeSize: number;
  private readonly recordedAt: string;
  private salts: Buffer = Buffer.alloc(0);
  private saltsUsed = 0;

  constructor(
    private readonly ledger: Ledger,
    readonly base: Head,
    now: Date,
    private readonly randomBytes: RandomBytes,
    buffers: RowBuffers,
  ) {
    this.rows = new EntryRows(ledger.ledgerId, buffers);
    this.edge = base.edge.clone();
    this.lastEventHash = base.lastEventHash;
    this.treeSize = base.treeSize;
    // Never decreases within a ledger, whatever the machine's clock does.
    const time = now.toISOString();
    this.recordedAt = time > base.lastRecordedAt ? time : base.lastRecordedAt;
  }

  /**
   * Chains one event. Throws EVENT_ENTRY_TOO_LARGE, leaving the batch as it was.
   * @param sealed its personal parts as they are stored; undefined: they are salted, which hides nothing from who reads the database
   */
  add(admitted: AdmittedEvent, digests: SentDigests, sealed: readonly StoredPart[] | undefined): Recorded {
    const { event } = admitted;
    const { data } = admitted;
    const dataPart = data === undefined ? undefined : saltedPart('data', data, this.salt());
    const contentDigest = storedDigest(digests, sealed);
    const personal = admitted.personal.length === 0 ? NO_SEALED_PARTS : this.personalParts(admitted, sealed);
    const descriptors = personal.map((part) => part.descriptor);
    if (dataPart !== undefined) descriptors.unshift(dataPart.descriptor);
    const link = { index: this.treeSize, previousEventHash: this.lastEventHash };
    const entry = chainEntry(admitted, descriptors, link, this.recordedAt);
    leaf.write(entry.eventHash, 0, HASH_BYTES, 'hex');
    const completed = this.edge.append(leaf);
    if (completed.length > 0) this.tiles.push(...completed);
    this.rows.add({
      leafIndex: link.index,
      eventId: event.id,
      contentDigest,
      entryText: entry.text,
      dataPart: dataPart?.stored,
      personalParts: personal.length === 0 ? NO_PARTS : personal.map((part) => part.stored),
    });
    this.lastEventHash = entry.eventHash;
    this.treeSize += 1;
    const receipt: Receipt = {
      id: event.id,
      tenant: this.ledger.tenant,
      index: link.index,
      eventHash: entry.eventHash,
      recordedAt: this.recordedAt,
    };
    const recorded = { receipt, contentDigest };
    this.recorded.set(event.id, recorded);
    return recorded;
  }

  /** The head that holds once this batch is committed. */
  next(): Head {
    return {
      treeSize: this.treeSize,
      lastEventHash: this.lastEventHash,
      lastRecordedAt: this.rows.rowCount === 0 ? this.base.lastRecordedAt : this.recordedAt,
      edge: this.edge,
    };
  }

  private personalParts({ event, personal }: AdmittedEvent, stored: readonly StoredPart[] | undefined): readonly SealedPart[] {
    if (stored === undefined) return personal.map((json, i) => saltedPart('personal', json, this.salt(), event.personal![i]!.subject));
    // The batch fails rather than that anything personal is stored in the clear.
    if (stored.length !== personal.length) throw new Error(`personal parts of event ${event.id} were not sealed`);
    return stored.map(({ bytes }, i) => encryptedPart('personal', bytes, event.personal![i]!.subject));
  }

  private salt(): Buffer {
    if (this.saltsUsed === this.salts.length) {
      this.salts = this.randomBytes(SALTS_AHEAD * SALT_BYTES);
      this.saltsUsed = 0;
    }
    this.saltsUsed += SALT_BYTES;
    return this.salts.subarray(this.saltsUsed - SALT_BYTES, this.saltsUsed);
  }
}

const NO_PARTS: readonly Buffer[] = [];
const NO_SEALED_PARTS: readonly SealedPart[] = [];
const leaf = Buffer.alloc(HASH_BYTES);

import type { Receipt } from '@countersign/chain';
import type { Segment } from '../spool/segment.js';
import type { Chunk } from './chunk.js';

/** A bus message on its way or acknowledged. */
export interface Batch {
  readonly lane: Lane;
  readonly entries: readonly Entry[];
  /** Monotonic milliseconds. */
  sentAtMs: number;
  inFlight: boolean;
}

/** Where a frame begins and ends in its segment. The entries of a frame share one. */
export interface FramePlace {
  readonly from: number;
  readonly to: number;
}

/** One event between `emit` and its receipt. */
export class Entry {
  /** The message that carried it last; undefined while it must (still, or again) be sent. */
  batch: Batch | undefined = undefined;
  /** True once the event is recorded in the store that survives a crash; only then may it be sent. */
  durable = false;
  /** True once its receipt or refusal came. */
  cleared = false;
  sends = 0;
  /** Where the JSON is in memory; no chunk when it must be read back. */
  chunk: Chunk | undefined = undefined;
  at = 0;
  /** UTF-8 bytes of the JSON. */
  bytes = 0;
  /** Where the JSON is on disk. */
  segment: Segment | undefined = undefined;
  offset = 0;
  /** The frame that holds it there: it is read and verified as a whole. */
  frame: FramePlace | undefined = undefined;
  /** Of the trace that it happened in, if that is recorded (W3C Trace Context). Not kept on disk. */
  traceparent: string | undefined = undefined;
  /** Settles `emit`. */
  settle: Settle | undefined = undefined;
  /** Settles `emitAndWait`. */
  outcome: Outcome | undefined = undefined;

  constructor(
    readonly lane: Lane,
    readonly id: string,
    readonly sequence: number | undefined,
  ) {}

  place(chunk: Chunk, at: number, bytes: number): void {
    chunk.live++;
    this.chunk = chunk;
    this.at = at;
    this.bytes = bytes;
  }

  /** Lets go of the memory. */
  evict(): void {
    this.chunk?.release();
    this.chunk = undefined;
  }
}

export interface Settle {
  readonly resolve: (emitted: { id: string; sequence: number | undefined }) => void;
  readonly reject: (error: Error) => void;
}

/** Gets the receipt, or the error that ended the wait. */
export type Outcome = (result: Receipt | Error, repeated: boolean) => void;

const COMPACT_ENTRIES_MIN = 1_024;

/** The events of one tenant, in the order in which they must reach the ledger. */
export class Lane {
  readonly entryById = new Map<string, Entry>();
  /** Durable entries that wait to be sent (again). */
  unsent = 0;
  unsentBytes = 0;
  messagesInFlight = 0;
  /** After a failed publish: one message at a time, so that a retry cannot overtake what follows it. */
  recovering = false;
  loading = false;
  /** Monotonic milliseconds of the last message. */
  sentAtMs = -Infinity;
  resendDelayMs: number;
  resendBatches = 1;
  /** A receipt came since the last resend: somebody is listening. */
  progressed = false;
  /** Sent, without a receipt. */
  unreceipted = 0;
  /**
   * No receipt came although one was due. What was sent is sent again, now and then, and nothing new follows until all
   * of it has its receipt: what was lost must not be overtaken.
   */
  stalled = false;
  /** When the oldest entry was cleared last. */
  advancedAtMs = 0;
  #order: Entry[] = [];
  #head = 0;
  #cursor = 0;
  #clearedInOrder = 0;

  constructor(
    readonly tenant: string,
    resendAfterMs: number,
  ) {
    this.resendDelayMs = resendAfterMs;
  }

  /** Makes a durable entry ready to be sent, after all earlier ones. */
  push(entry: Entry): void {
    entry.durable = true;
    this.#order.push(entry);
    this.unsent++;
    this.unsentBytes += entry.bytes;
  }

  /** Takes the oldest unsent entries, in order, within the limits of one message. */
  take(eventsMax: number, bytesMax: number, nowMs: number): Batch | undefined {
    const entries: Entry[] = [];
    let bytes = 2;
    const order = this.#order;
    let at = this.#cursor;
    for (; at < order.length && entries.length < eventsMax; at++) {
      const entry = order[at] as Entry;
      if (entry.cleared || entry.batch !== undefined) continue;
      if (this.stalled && entry.sends === 0) break;
      if (bytes + entry.bytes + 1 > bytesMax) break;
      bytes += entry.bytes + 1;
      entries.push(entry);
    }
    this.#cursor = at;
    if (entries.length === 0) return undefined;
    const batch: Batch = { lane: this, entries, sentAtMs: nowMs, inFlight: false };
    for (const entry of entries) entry.batch = batch;
    this.unsent -= entries.length;
    this.unreceipted += entries.length;
    for (const entry of entries) this.unsentBytes -= entry.bytes;
    return batch;
  }

  /** Makes what this message carried unsent again, except what was cleared or sent otherwise since. */
  restore(batch: Batch): void {
    for (const entry of batch.entries) {
      if (!entry.cleared && entry.batch === batch) this.#unsend(entry);
    }
    this.#cursor = this.#head;
  }

  /** Makes up to `countMax` of the oldest sent entries unsent again if they were sent before `sentBeforeMs`. */
  rewind(countMax: number, sentBeforeMs: number, inFlightToo: boolean): void {
    let rewound = 0;
    for (let at = this.#head; at < this.#order.length && rewound < countMax; at++) {
      const entry = this.#order[at] as Entry;
      const batch = entry.batch;
      if (entry.cleared || batch === undefined || (batch.inFlight && !inFlightToo) || batch.sentAtMs > sentBeforeMs) continue;
      this.#unsend(entry);
      rewound++;
    }
    this.#cursor = this.#head;
  }

  /** Drops from memory what was sent before `sentBeforeMs` and can be read back. */
  evictSentBefore(sentBeforeMs: number): void {
    for (let at = this.#head; at < this.#order.length; at++) {
      const entry = this.#order[at] as Entry;
      if (entry.segment !== undefined && entry.batch !== undefined && entry.batch.sentAtMs < sentBeforeMs) entry.evict();
    }
  }

  /** Forgets an entry whose receipt or refusal came. */
  clear(entry: Entry, nowMs: number): void {
    this.entryById.delete(entry.id);
    entry.cleared = true;
    if (entry.batch !== undefined) {
      this.unreceipted--;
    } else {
      this.unsent--;
      this.unsentBytes -= entry.bytes;
    }
    // Everything older waits to be sent again, ahead of what is new.
    if (this.unreceipted === 0) this.stalled = false;
    this.#clearedInOrder++;
    if (this.#order[this.#head] === entry) this.#advance(nowMs);
    else if (this.#clearedInOrder >= COMPACT_ENTRIES_MIN && this.#clearedInOrder * 2 > this.#order.length) this.#compact();
  }

  /** What counts against the limit of events without a receipt: one silent ledger must not stop the others. */
  get counted(): number {
    return this.stalled ? 0 : this.unreceipted;
  }

  /** The oldest entry without a receipt. */
  get oldest(): Entry | undefined {
    return this.#order[this.#head];
  }

  #unsend(entry: Entry): void {
    entry.batch = undefined;
    this.unreceipted--;
    this.unsent++;
    this.unsentBytes += entry.bytes;
  }

  #advance(nowMs: number): void {
    this.advancedAtMs = nowMs;
    const order = this.#order;
    while (this.#head < order.length && (order[this.#head] as Entry).cleared) this.#head++;
    if (this.#cursor < this.#head) this.#cursor = this.#head;
    if (this.#head >= COMPACT_ENTRIES_MIN && this.#head * 2 > order.length) this.#compact();
    else if (this.#head === order.length) this.#compact();
  }

  #compact(): void {
    const kept: Entry[] = [];
    let cursor: number | undefined;
    for (let at = this.#head; at < this.#order.length; at++) {
      if (at === this.#cursor) cursor = kept.length;
      const entry = this.#order[at] as Entry;
      if (!entry.cleared) kept.push(entry);
    }
    this.#order = kept;
    this.#cursor = cursor ?? kept.length;
    this.#head = 0;
    this.#clearedInOrder = 0;
  }
}

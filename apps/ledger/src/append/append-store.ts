import type { FullTile } from '@countersign/chain';
import type { Recorded } from './batch.js';
import type { Head, Ledger } from './head.js';

/** A refused event or message, kept as it came. */
export interface QuarantineRow {
  readonly subject: string;
  readonly eventId: string | undefined;
  readonly code: string;
  readonly field: string | undefined;
  readonly message: string;
  readonly body: Uint8Array;
}

/** Sequence numbers of one producer that arrived without making an entry: a retry or a refusal, not a gap. */
export interface AccountedSequence {
  readonly source: string;
  readonly producerId: string;
  readonly sequence: number;
}

export interface Commit {
  readonly ledger: Ledger;
  readonly base: Head;
  readonly next: Head;
  /** A finished binary COPY stream; undefined when no entry is added. */
  readonly entries: Buffer | undefined;
  readonly tiles: readonly FullTile[];
  readonly quarantine: readonly QuarantineRow[];
  readonly accounted: readonly AccountedSequence[];
}

/** Another instance appended since `base` was read: reload and build again. Nothing was stored. */
export class HeadMoved extends Error {
  override readonly name = 'HeadMoved';
}

/** An event id of the batch is on record already: look the ids up and build again. Nothing was stored. */
export class EventIdOnRecord extends Error {
  override readonly name = 'EventIdOnRecord';
}

/** What the append flow asks of its store. */
export interface AppendStore {
  /** Creates the ledger if need be; the same tenant always gets the same ledger. Durable on return. */
  ensureLedger(tenant: string): Promise<Ledger>;
  /** The committed head, rebuilt from entries and tiles. Throws ChainFault when they contradict the head row. */
  loadHead(ledger: Ledger): Promise<Head>;
  /**
   * Stores entries, tiles, refusals and the moved head in one transaction under the ledger's advisory lock.
   * Durable on return. Throws HeadMoved or EventIdOnRecord with nothing stored; any other error leaves the outcome
   * unknown: reload the head before building again.
   */
  commit(commit: Commit): Promise<void>;
  /** Those of `eventIds` that are on record. */
  findRecorded(ledger: Ledger, eventIds: readonly string[]): Promise<Map<string, Recorded>>;
  /** Keeps a message for a stopped ledger. Durable on return. */
  park(ledger: Ledger, subject: string, body: Uint8Array): Promise<void>;
  /** The oldest parked messages, at most `limit`. */
  parked(ledger: Ledger, limit: number): Promise<readonly { parkedId: number; subject: string; body: Buffer }[]>;
  unpark(ledger: Ledger, parkedIds: readonly number[]): Promise<void>;
}

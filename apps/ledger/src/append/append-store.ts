import type { FullTile } from '@countersign/chain';
import type { SealedBody } from './body-sealer.js';
import type { Recorded } from './batch.js';
import type { Head, Ledger } from './head.js';

/** A refused event or message, and why. */
export interface QuarantineRow {
  readonly subject: string;
  readonly eventId: string | undefined;
  readonly code: string;
  readonly field: string | undefined;
  readonly message: string;
  /** As it came, or, where an event could be read, with its personal parts masked. */
  readonly body: Uint8Array;
  /** Of a masked body: what is equal when the same comes again. */
  readonly identity?: Uint8Array;
}

/** The same as it is stored. */
export interface SealedQuarantineRow extends Omit<QuarantineRow, 'body' | 'identity'> {
  readonly body: SealedBody;
}

/** A message for a stopped ledger. `clear` is of a version that did not seal, and not sealed yet. */
export interface ParkedRow {
  readonly parkedId: number;
  readonly subject: string;
  readonly body: SealedBody | { readonly clear: Buffer };
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
  readonly quarantine: readonly SealedQuarantineRow[];
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
  /** Keeps a message for a stopped ledger, the same one once. Durable on return. */
  park(ledger: Ledger, subject: string, body: SealedBody): Promise<void>;
  /** The oldest parked messages but `except`, at most `limit`. */
  parked(ledger: Ledger, limit: number, except: readonly number[]): Promise<readonly ParkedRow[]>;
  unpark(ledger: Ledger, parkedIds: readonly number[]): Promise<void>;
}

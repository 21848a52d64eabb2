import type { Receipt } from '@countersign/chain';
import type { Segment } from '../spool/segment.js';
import type { Lane } from './lane.js';

/** A bus message on its way or acknowledged. */
export interface Batch {
  readonly lane: Lane;
  readonly entries: readonly Entry[];
  /** Monotonic milliseconds. */
  sentAtMs: number;
  inFlight: boolean;
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
  /** Where the JSON lies on disk, so that it need not stay in memory. */
  segment: Segment | undefined = undefined;
  offset = 0;
  /** Settles `emit`. */
  settle: Settle | undefined = undefined;
  /** Settles `emitAndWait`. */
  outcome: Outcome | undefined = undefined;

  constructor(
    readonly lane: Lane,
    readonly id: string,
    readonly sequence: number | undefined,
    /** UTF-8 bytes of the JSON. */
    readonly bytes: number,
    /** What is sent; undefined when it must be read from its place. */
    json: string | undefined,
  ) {
    this.json = json;
  }

  json: string | undefined;
}

export interface Settle {
  readonly resolve: (emitted: { id: string; sequence: number | undefined }) => void;
  readonly reject: (error: Error) => void;
}

/** Gets the receipt, or the error that ended the wait. */
export type Outcome = (result: Receipt | Error, repeated: boolean) => void;

import type { Entry } from '../delivery/lane.js';

/** Where events are kept between `emit` and their receipt. */
export interface Spool {
  /** Highest sequence that is durable. */
  readonly lastSequence: number;
  /** Bytes in use. */
  readonly bytes: number;
  /** Whether so many more bytes fit. */
  hasRoom(bytes: number): boolean;
  /**
   * Makes the entries from index `from` on durable, as many as fit into one commit. Returns the index after the last one.
   * If it throws, none of these is durable, none will ever be recovered, and their sequences are free again.
   * One call at a time.
   */
  append(entries: readonly Entry[], from: number): Promise<number>;
  /** The entry's receipt came: its copy may go. Need not be durable; a lost clear only causes a resend. */
  clear(entry: Entry): void;
  /** Reads back the JSON of durable entries, in their order; undefined for what was cleared meanwhile or cannot be read any more. */
  load(entries: readonly Entry[]): Promise<(string | undefined)[]>;
  /** Called when nothing is pending, never during an append. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

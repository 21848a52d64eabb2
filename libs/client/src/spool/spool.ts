import type { Chunk } from '../delivery/chunk.js';
import type { Entry } from '../delivery/lane.js';
import type { Piece } from '../delivery/message-body.js';

/** Events that become durable together: bytes [start, end) of a chunk, first room for the frame's header. */
export interface StagedFrame {
  readonly chunk: Chunk;
  readonly start: number;
  end: number;
  readonly entries: Entry[];
  lastSequence: number | undefined;
}

/** Where events are kept between `emit` and their receipt. */
export interface Spool {
  /** Highest sequence that is durable. */
  readonly lastSequence: number;
  /** Bytes in use. */
  readonly bytes: number;
  /** Whether so many more bytes fit. */
  hasRoom(bytes: number): boolean;
  /**
   * Makes the frame's entries durable. If it throws, none of them is durable, none will ever be recovered, and their
   * sequences are free again. One call at a time.
   */
  append(frame: StagedFrame): Promise<void>;
  /** The entry's receipt came: its copy may go. Need not be durable; a lost clear only causes a resend. */
  clear(entry: Entry): void;
  /** Finds or reads back the JSON of durable entries, in their order; undefined for what was cleared meanwhile or cannot be read any more. */
  load(entries: readonly Entry[]): Promise<(Piece | undefined)[]>;
  /** Called when nothing is pending, never during an append. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

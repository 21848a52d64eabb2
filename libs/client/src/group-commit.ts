import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES } from './spool/frame.js';
import type { ChunkPool } from './delivery/chunk.js';
import type { Entry } from './delivery/lane.js';
import type { Spool, StagedFrame } from './spool/spool.js';

/** A group this large means load: the next one waits for company. */
const LOADED_GROUP_EVENTS = 8;
/** With this many bytes staged, waiting saves nothing. */
const FULL_GROUP_BYTES = FRAME_BYTES_MAX / 2;
const LINE_FEED = 0x0a;

export interface CommitDuties {
  /** The frame's entries are durable. */
  committed(entries: readonly Entry[]): void;
  /** These entries are not durable and their sequences are free again. */
  failed(entries: readonly Entry[], error: unknown): void;
}

/** Makes many events durable with one sync: whatever is emitted while one commit runs goes into the next. */
export class GroupCommit {
  /** Bytes that wait for their commit, frame headers included. */
  stagedBytes = 0;
  #frames: StagedFrame[] = [];
  #open: StagedFrame | undefined;
  #running: Promise<void> | undefined;
  #tidyDue = false;

  constructor(
    readonly spool: Spool,
    readonly pool: ChunkPool,
    readonly lingerMs: number,
    readonly duties: CommitDuties,
  ) {}

  /**
   * Encodes the event for spool and bus: `content`, whose closing brace the number's text replaces, if there is one.
   * `bytesMax` is the most that it can take.
   */
  add(entry: Entry, content: string, number: string, bytesMax: number): void {
    const frame = this.#frameFor(bytesMax + 1);
    const { buffer } = frame.chunk;
    const at = frame.end;
    let end = at + buffer.write(content, at, 'utf8');
    if (number !== '') end += buffer.write(number, end - 1, 'latin1') - 1;
    buffer[end] = LINE_FEED;
    entry.place(frame.chunk, at, end - at);
    frame.end = end + 1;
    frame.entries.push(entry);
    if (entry.sequence !== undefined) frame.lastSequence = entry.sequence;
    this.stagedBytes += frame.end - at;
    this.#running ??= this.#run();
  }

  /** Lets the spool tidy up when no commit runs. */
  tidySoon(): void {
    this.#tidyDue = true;
    this.#running ??= this.#run();
  }

  /** Resolves when everything that was added is durable or failed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #frameFor(bytes: number): StagedFrame {
    const last = this.#open;
    if (last !== undefined && this.#frames.at(-1) === last && last.end + bytes <= last.chunk.buffer.length) return last;
    const needed = FRAME_HEADER_BYTES + bytes;
    const follows = last !== undefined && last.chunk.live > 0 && last.end + needed <= last.chunk.buffer.length;
    const chunk = follows ? last.chunk : this.pool.take();
    const start = follows ? last.end : 0;
    this.#open = { chunk, start, end: start + FRAME_HEADER_BYTES, entries: [], lastSequence: undefined };
    this.#frames.push(this.#open);
    this.stagedBytes += FRAME_HEADER_BYTES;
    return this.#open;
  }

  async #run(): Promise<void> {
    // One turn of the loop: what is emitted together is committed together.
    await new Promise((resolve) => setImmediate(resolve));
    let groupEvents = 0;
    while (this.#frames.length > 0) {
      if (this.lingerMs > 0 && groupEvents >= LOADED_GROUP_EVENTS && this.stagedBytes < FULL_GROUP_BYTES) {
        await new Promise((resolve) => setTimeout(resolve, this.lingerMs));
      }
      const frame = this.#frames.shift() as StagedFrame;
      groupEvents = frame.entries.length;
      await this.#commit(frame);
    }
    this.#running = undefined;
    if (this.#tidyDue) this.#running = this.#tidy();
  }

  async #commit(frame: StagedFrame): Promise<void> {
    try {
      await this.spool.append(frame);
    } catch (error) {
      // Later numbers build on the ones that failed, so everything staged since fails with them.
      const failed = [frame, ...this.#frames].flatMap(({ entries }) => entries);
      this.#frames = [];
      this.#open = undefined;
      this.stagedBytes = 0;
      this.duties.failed(failed, error);
      return;
    }
    this.stagedBytes -= frame.end - frame.start;
    this.duties.committed(frame.entries);
  }

  async #tidy(): Promise<void> {
    this.#tidyDue = false;
    await this.spool.tidy().catch(() => undefined);
    this.#running = undefined;
    if (this.#frames.length > 0) this.#running = this.#run();
  }
}

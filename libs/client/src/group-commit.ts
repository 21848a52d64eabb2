import type { Entry } from './delivery/lane.js';
import type { Spool } from './spool/spool.js';

/** A group this large means load: the next one waits for company. */
const LOADED_GROUP_EVENTS = 8;
/** With this many staged, waiting saves nothing. */
const FULL_GROUP_EVENTS = 64;

export interface CommitDuties {
  /** Entries [from, to) are durable. */
  committed(entries: readonly Entry[], from: number, to: number): void;
  /** These entries are not durable and their sequences are free again. */
  failed(entries: readonly Entry[], error: unknown): void;
}

/** Makes many events durable with one sync: whatever is emitted while one commit runs goes into the next. */
export class GroupCommit {
  /** Bytes that wait for their commit. */
  stagedBytes = 0;
  stagedEvents = 0;
  #staged: Entry[] = [];
  #running: Promise<void> | undefined;
  #tidyDue = false;

  constructor(
    readonly spool: Spool,
    readonly lingerMs: number,
    readonly duties: CommitDuties,
  ) {}

  add(entry: Entry): void {
    this.#staged.push(entry);
    this.stagedBytes += entry.bytes;
    this.stagedEvents++;
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

  async #run(): Promise<void> {
    // One turn of the loop: what is emitted together is committed together.
    await new Promise((resolve) => setImmediate(resolve));
    let groupEvents = 0;
    while (this.#staged.length > 0) {
      if (this.lingerMs > 0 && groupEvents >= LOADED_GROUP_EVENTS && this.#staged.length < FULL_GROUP_EVENTS) {
        await new Promise((resolve) => setTimeout(resolve, this.lingerMs));
      }
      const group = this.#staged;
      this.#staged = [];
      groupEvents = group.length;
      await this.#commit(group);
    }
    this.#running = undefined;
    if (this.#tidyDue) this.#running = this.#tidy();
  }

  async #commit(group: readonly Entry[]): Promise<void> {
    for (let from = 0; from < group.length; ) {
      try {
        const to = await this.spool.append(group, from);
        this.#unstage(group, from, to);
        this.duties.committed(group, from, to);
        from = to;
      } catch (error) {
        // Later numbers build on the ones that failed, so everything staged since fails with them.
        const failed = [...group.slice(from), ...this.#staged];
        this.#staged = [];
        this.#unstage(failed, 0, failed.length);
        this.duties.failed(failed, error);
        return;
      }
    }
  }

  async #tidy(): Promise<void> {
    this.#tidyDue = false;
    await this.spool.tidy().catch(() => undefined);
    this.#running = undefined;
    if (this.#staged.length > 0) this.#running = this.#run();
  }

  #unstage(entries: readonly Entry[], from: number, to: number): void {
    this.stagedEvents -= to - from;
    for (let at = from; at < to; at++) this.stagedBytes -= (entries[at] as Entry).bytes;
  }
}

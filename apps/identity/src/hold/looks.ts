import { setTimeout as sleep } from 'node:timers/promises';
import { unlessAborted } from '@countersign/runtime';

/** Who is asked may be starting too, or be away: whoever looks can do without an answer. */
const FIRST_LOOK_MS_MAX = 1_000;

/** Looks again and again, one look at a time. */
export class Looks {
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  /** `ended` is told of each look that ended, with what it failed with, and returns how many milliseconds the next one waits. */
  constructor(
    private readonly look: () => Promise<void>,
    private readonly ended: (error?: unknown) => number,
  ) {}

  /** Looks at once, and from then on. Resolves when the first look has ended, or after a second. */
  async start(): Promise<void> {
    await Promise.race([this.#round(), sleep(FIRST_LOOK_MS_MAX, undefined, { ref: false })]);
  }

  /** For an answer that a look waits for: whoever stops does not wait for one that may never come. */
  answer<T>(asked: Promise<T>): Promise<T> {
    return unlessAborted(asked, this.#stopping.signal);
  }

  /** Resolves when a look that is under way has ended. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stopping.abort(new Error('nothing is looked at any more: this service ends'));
    await this.#looking;
  }

  #round(): Promise<void> {
    this.#looking = this.look().then(() => this.#next(), (error: unknown) => this.#next(error));
    return this.#looking;
  }

  #next(error?: unknown): void {
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => { this.#round().catch(() => undefined); }, this.ended(error));
  }
}

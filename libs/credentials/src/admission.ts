import { CredentialFault } from './fault.js';

export interface AdmissionOptions {
  /** Jobs at once: the cores of the machine, and less than the threads of libuv's pool, which files and DNS need too. */
  readonly concurrency: number;
  /** Jobs that may wait; the next is refused. */
  readonly queueMax: number;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

/** Until the first job has been measured. */
const JOB_MS_GUESS = 150;
const RECENT_WEIGHT = 0.1;

/** Lets so many slow jobs run, so many wait, and turns the rest away: whoever floods us with sign-ins must not take all memory or all time. */
export class Admission {
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #jobMs = JOB_MS_GUESS;

  constructor(private readonly options: AdmissionOptions) {}

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws CredentialFault HASHER_OVERLOADED with `retryAfterMs`, at once; otherwise whatever the job throws */
  async run<T>(job: () => Promise<T>): Promise<T> {
    await this.#admitted();
    const startMs = this.options.clock();
    try {
      return await job();
    } finally {
      this.#jobMs += (this.options.clock() - startMs - this.#jobMs) * RECENT_WEIGHT;
      this.#release();
    }
  }

  async #admitted(): Promise<void> {
    const { concurrency, queueMax } = this.options;
    if (this.#running < concurrency) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= queueMax) {
      const retryAfterMs = Math.ceil(((this.#waiting.length + 1) * this.#jobMs) / concurrency);
      throw new CredentialFault('HASHER_OVERLOADED', `${this.#waiting.length} wait already`, retryAfterMs);
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The place goes on to whoever waits longest: nobody who comes now can take it first. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

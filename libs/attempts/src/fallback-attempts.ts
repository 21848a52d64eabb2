import type { Attempt, Attempts, Begun, Locked } from './attempts.js';

/** How often `first` is asked whether it is back, while nobody else asks it anything. */
const LOOK_MS = 2_000;
/** Nobody's. */
const NO_KEY = 'nobody';

export interface FallbackOptions {
  /** Told once when `first` fails, and once when it is back. */
  readonly onDegraded: (isDegraded: boolean, error?: unknown) => void;
}

/**
 * Counts in `first` and, while that does not answer, in `second`: each instance then counts for itself, so that a guesser has as
 * many tries more as there are instances, and nobody is kept out by a store that is away. Locks that only `first` knows do not
 * hold meanwhile.
 */
export class FallbackAttempts implements Attempts {
  #isDegraded = false;
  #looking: NodeJS.Timeout | undefined;

  constructor(
    private readonly first: Attempts,
    private readonly second: Attempts,
    private readonly options: FallbackOptions,
  ) {}

  begin(attempt: Attempt): Promise<Begun | Locked> {
    return this.#either((attempts) => attempts.begin(attempt));
  }

  /** In both: the attempt may have begun in the other one. */
  async succeed(attempt: Attempt, cleared: readonly string[]): Promise<void> {
    await this.second.succeed(attempt, cleared);
    await this.#either((attempts) => attempts.succeed(attempt, cleared));
  }

  look(key: string, atMs: number): ReturnType<Attempts['look']> {
    return this.#either((attempts) => attempts.look(key, atMs));
  }

  /** Rejects when `first` does not answer: the lock would be back with it. */
  async forget(key: string): Promise<void> {
    await this.second.forget(key);
    await this.first.forget(key);
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await Promise.all([this.first.close(), this.second.close()]);
  }

  async #either<T>(work: (attempts: Attempts) => Promise<T>): Promise<T> {
    try {
      const answer = await work(this.first);
      this.#tell(false);
      return answer;
    } catch (error) {
      this.#tell(true, error);
      return work(this.second);
    }
  }

  #look(): void {
    this.first.look(NO_KEY, 0).then(() => this.#tell(false), () => undefined);
  }

  #tell(isDegraded: boolean, error?: unknown): void {
    if (isDegraded === this.#isDegraded) return;
    this.#isDegraded = isDegraded;
    clearInterval(this.#looking);
    if (isDegraded) this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
    this.options.onDegraded(isDegraded, error);
  }
}

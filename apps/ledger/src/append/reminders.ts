import type { Logger } from '@countersign/runtime';

const FIRST_PAUSE_MS = 10_000;
const PAUSE_MS_MAX = 600_000;
/** What has not happened for so long is new when it happens again. */
const FORGOTTEN_AFTER_MS = 2 * PAUSE_MS_MAX;
const NAMES_MAX = 1_000;

interface Told {
  lastMs: number;
  dueMs: number;
  pauseMs: number;
  untold: number;
}

/** Paces what would be told each second: at once, then after pauses that double from 10 s to 10 minutes. */
export class Reminders {
  readonly #told = new Map<string, Told>();

  /**
   * Counts that it has happened. How often it happened untold since it was told last; undefined when it is not to be told now.
   * @param nowMs on a clock that never goes back
   */
  due(name: string, nowMs: number): number | undefined {
    const told = this.#told.get(name);
    if (told === undefined || nowMs - told.lastMs > FORGOTTEN_AFTER_MS) {
      this.#begin(name, nowMs);
      return 0;
    }
    told.lastMs = nowMs;
    if (nowMs < told.dueMs) {
      told.untold += 1;
      return undefined;
    }
    const { untold } = told;
    told.untold = 0;
    told.pauseMs = Math.min(told.pauseMs * 2, PAUSE_MS_MAX);
    told.dueMs = nowMs + told.pauseMs;
    return untold;
  }

  #begin(name: string, nowMs: number): void {
    this.#told.delete(name);
    const [oldest] = this.#told.keys();
    if (this.#told.size >= NAMES_MAX && oldest !== undefined) this.#told.delete(oldest);
    this.#told.set(name, { lastMs: nowMs, dueMs: nowMs + FIRST_PAUSE_MS, pauseMs: FIRST_PAUSE_MS, untold: 0 });
  }
}

/** Warns of what fails again and again: each tenant's each kind of error at once, then by {@link Reminders}. */
export class PacedWarnings {
  readonly #reminders = new Reminders();

  constructor(
    private readonly log: Pick<Logger, 'warn'>,
    private readonly message: string,
    /** Milliseconds that never go back. */
    private readonly monotonicMs: () => number = () => performance.now(),
  ) {}

  warn(error: unknown, tenant?: string): void {
    const { code, name } = error as { readonly code?: string; readonly name?: string };
    const untold = this.#reminders.due(`${tenant ?? ''} ${code ?? name ?? 'unknown'}`, this.monotonicMs());
    if (untold !== undefined) this.log.warn({ err: error, ...(tenant !== undefined && { tenant }), untold }, this.message);
  }
}

import type { Logger } from '@countersign/runtime';
import { isKeysAway, lastingKeyFault } from '../keys/keys-away.js';
import type { IntakeMetrics } from './intake-metrics.js';
import { Reminders } from './reminders.js';

export interface StuckMessagesDependencies {
  readonly metrics: Pick<IntakeMetrics, 'stuck'>;
  readonly log: Pick<Logger, 'error'>;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

/** Counts messages that no waiting helps, each time they are tried, and tells of them now and then: somebody has to mend what their keys lack. */
export class StuckMessages {
  readonly #reminders = new Reminders();

  constructor(private readonly deps: StuckMessagesDependencies) {}

  /** Whether the error is one of keys, and so is told: here, or when the key service is away by whoever asks it. */
  note(tenant: string, error: unknown): boolean {
    const code = lastingKeyFault(error);
    if (code !== undefined) this.tell(tenant, code, { err: error });
    return code !== undefined || isKeysAway(error);
  }

  tell(tenant: string, code: string, detail: object): void {
    const { metrics, log, monotonicMs } = this.deps;
    metrics.stuck.inc({ tenant, code });
    const untold = this.#reminders.due(`${tenant} ${code}`, monotonicMs());
    if (untold !== undefined) log.error({ ...detail, tenant, code, untold }, 'a message is stuck: its key is refused, or what was sealed does not open');
  }
}

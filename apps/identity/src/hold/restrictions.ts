import type { RetentionClient } from '@countersign/retention-client';
import type { Logger } from '@countersign/runtime';
import { Gauge, type Registry } from 'prom-client';
import type { RestrictionRows } from '../store/restriction-rows.js';
import { Looks } from './looks.js';

/** Longest that a restriction is on record before identity knows of it. */
const ROUND_MS = 2_000;
const RETRY_MS = 1_000;
const CONTEXT = { ip: '127.0.0.1', userAgent: 'identity', correlationId: 'restrictions' };

export interface RestrictionsDependencies {
  readonly rows: Pick<RestrictionRows, 'begin' | 'note' | 'forget'>;
  readonly retention: Pick<RetentionClient, 'ask'>;
  readonly registry: Registry;
  readonly log: Pick<Logger, 'warn'>;
}

/** Keeps the table of whose data is restricted (ADR 0045) as retention has it; without retention it stays as it was. */
export class Restrictions {
  #isWarned = false;
  readonly #looks = new Looks(() => this.look(), (error) => this.#ended(error));
  readonly #gauge: Gauge;

  constructor(private readonly deps: RestrictionsDependencies) {
    this.#gauge = new Gauge({ name: 'countersign_identity_restrictions_current', help: '1 while retention tells whose data is restricted; 0: what it told before holds', registers: [deps.registry] });
    this.#gauge.set(0);
  }

  /** Looks at once, and from then on. Resolves when retention has told everything, or is not heard of for a second: what was told before holds meanwhile. */
  start(): Promise<void> {
    return this.#looks.start();
  }

  stop(): Promise<void> {
    return this.#looks.stop();
  }

  #ended(error: unknown): number {
    const isHeard = error === undefined;
    this.#gauge.set(isHeard ? 1 : 0);
    if (!isHeard && !this.#isWarned) this.deps.log.warn({ err: error }, 'retention does not tell whose data is restricted: what it told before holds');
    this.#isWarned = !isHeard;
    return isHeard ? ROUND_MS : RETRY_MS;
  }

  /** Nothing is let go before all pages were read. Rejects with RetentionClientError. */
  async look(): Promise<void> {
    const { rows, retention } = this.deps;
    const begun = await rows.begin();
    for (let after: string | undefined; ; ) {
      const { restricted, isLast } = await this.#looks.answer(retention.ask('restricted-list', CONTEXT, { after }));
      await rows.note(begun, restricted);
      if (isLast) return rows.forget(begun);
      after = restricted.at(-1)?.subject ?? after;
    }
  }
}

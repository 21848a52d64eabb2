import { setTimeout as sleep } from 'node:timers/promises';
import type { RetentionClient } from '@countersign/retention-client';
import type { Logger } from '@countersign/runtime';
import { Gauge, type Registry } from 'prom-client';
import type { RestrictionRows } from '../store/restriction-rows.js';

/** Longest that a restriction is on record before identity knows of it. */
const ROUND_MS = 2_000;
const RETRY_MS = 1_000;
/** Retention may be starting too, or be away: what was told before holds meanwhile. */
const FIRST_LOOK_MS_MAX = 1_000;
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
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  readonly #stopping = Promise.withResolvers<never>();
  readonly #gauge: Gauge;

  constructor(private readonly deps: RestrictionsDependencies) {
    this.#gauge = new Gauge({ name: 'countersign_identity_restrictions_current', help: '1 while retention tells whose data is restricted; 0: what it told before holds', registers: [deps.registry] });
    this.#gauge.set(0);
    this.#stopping.promise.catch(() => undefined);
  }

  /** Looks at once, and from then on. Resolves when retention has told everything, or is not heard of for a second. */
  async start(): Promise<void> {
    await Promise.race([this.#round(), sleep(FIRST_LOOK_MS_MAX, undefined, { ref: false })]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#stopping.reject(new Error('identity stops'));
    await this.#looking;
  }

  #round(): Promise<void> {
    this.#looking = this.look()
      .then(() => this.#heard(true), (error: unknown) => this.#heard(false, error))
      .finally(() => {
        if (this.#isStopped) return;
        this.#timer = setTimeout(() => { this.#round().catch(() => undefined); }, this.#isWarned ? RETRY_MS : ROUND_MS);
      });
    return this.#looking;
  }

  #heard(isHeard: boolean, error?: unknown): void {
    this.#gauge.set(isHeard ? 1 : 0);
    if (!isHeard && !this.#isWarned && !this.#isStopped) this.deps.log.warn({ err: error }, 'retention does not tell whose data is restricted: what it told before holds');
    this.#isWarned = !isHeard;
  }

  /** Nothing is let go before all pages were read. Rejects with RetentionClientError. */
  async look(): Promise<void> {
    const { rows, retention } = this.deps;
    const begun = await rows.begin();
    for (let after: string | undefined; ; ) {
      // Whoever stops does not wait for an answer that may never come.
      const { restricted, isLast } = await Promise.race([retention.ask('restricted-list', CONTEXT, { after }), this.#stopping.promise]);
      await rows.note(begun, restricted);
      if (isLast) return rows.forget(begun);
      after = restricted.at(-1)?.subject ?? after;
    }
  }
}

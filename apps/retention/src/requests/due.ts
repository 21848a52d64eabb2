import { alertsCome, REQUEST_ALERTS_MS } from '@countersign/legal-clock';
import type { Logger } from '@countersign/runtime';
import { Gauge, type Registry } from 'prom-client';
import type { Flows } from '../parts.js';
import { bySelf } from './because.js';
import { goOn } from './go-on.js';
import { changeRequest } from './request-store.js';
import { restrictionAgainst } from './restrictions.js';

/** Requests looked at in a round, those that are due first. */
const LOOKED_AT_MAX = 1_000;
const ENDED_A_ROUND_MAX = 100;

/** Tells ahead of time what is due, and that it is too late; takes away exports whose time is over; takes up what a hold has stopped. */
export class DueWatch {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  readonly #open: Gauge<'kind'>;
  readonly #overdue: Gauge;
  readonly #next: Gauge;

  constructor(
    private readonly flows: Flows,
    registry: Registry,
    private readonly log: Pick<Logger, 'warn'>,
    private readonly pauseMs: number,
  ) {
    const registers = [registry];
    this.#open = new Gauge({ name: 'countersign_retention_subject_requests_open', help: 'Requests of data subjects that are not answered', labelNames: ['kind'], registers });
    this.#overdue = new Gauge({ name: 'countersign_retention_subject_requests_overdue', help: 'Requests of data subjects that should have been answered', registers });
    this.#next = new Gauge({ name: 'countersign_retention_subject_request_due_seconds', help: 'Until the next request of a data subject is due; negative: since it was; NaN: none is open', registers });
    this.#next.set(NaN);
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#running = this.look()
        .catch((error: unknown) => this.log.warn({ err: error }, 'what is due cannot be looked at, it is tried again'))
        .finally(() => { if (this.#timer !== undefined) this.start(); });
    }, this.pauseMs);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  async look(): Promise<void> {
    const { requests, files } = this.flows;
    const now = this.flows.now();
    const rows = await requests.dueFirst(LOOKED_AT_MAX);
    for (const row of rows) {
      const alerts = alertsCome(REQUEST_ALERTS_MS, row.due_at.getTime(), now.getTime());
      if (alerts > row.alerts) await changeRequest(this.flows, row, { type: 'alert', alerts }, bySelf(row.request_id, now));
    }
    this.#open.reset();
    for (const { kind } of rows) this.#open.inc({ kind });
    this.#overdue.set(rows.filter(({ due_at }) => now >= due_at).length);
    // Not 0, which would be due now.
    this.#next.set(rows[0] === undefined ? NaN : (rows[0].due_at.getTime() - now.getTime()) / 1_000);
    for (const row of await requests.held(LOOKED_AT_MAX)) {
      if ((await restrictionAgainst(this.flows, [row], row.received_at)) === undefined) await changeRequest(this.flows, row, { type: 'resume' }, bySelf(row.request_id, now));
    }
    await goOn(this.flows, LOOKED_AT_MAX);
    for (const requestId of await files.removeEnded(now, ENDED_A_ROUND_MAX)) {
      const row = await requests.find(requestId);
      if (row !== undefined) await changeRequest(this.flows, row, { type: 'complete', outcome: {} }, bySelf(requestId, now));
    }
  }
}

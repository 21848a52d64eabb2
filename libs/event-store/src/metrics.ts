import { Gauge, type Registry } from 'prom-client';
import type { EventStore } from './event-store.js';
import type { Unreceipted } from './ledger-side.js';

export interface EventStoreMetricsOptions {
  /** Events without a receipt count from this age on. Default 60 s. */
  readonly olderThanMs?: number;
}

const OLDER_THAN_MS = 60_000;

/** Gauges that ask the database at each scrape, once for all of them; NaN when it does not answer. */
export function registerEventStoreMetrics(store: EventStore, registry: Registry, options: EventStoreMetricsOptions = {}): void {
  let asked: Promise<Unreceipted | undefined> | undefined;
  const overdue = (): Promise<Unreceipted | undefined> =>
    (asked ??= store.ledger
      .unreceipted(options.olderThanMs ?? OLDER_THAN_MS)
      .catch(() => undefined)
      .finally(() => (asked = undefined)));
  const gauge = (name: string, help: string, read: (overdue: Unreceipted) => number): Gauge =>
    new Gauge({
      name: `countersign_event_store_${name}`,
      help,
      registers: [registry],
      async collect() {
        const answer = await overdue();
        this.set(answer === undefined ? Number.NaN : read(answer));
      },
    });
  gauge('unreceipted_events', 'Events without a receipt from the ledger for longer than the limit, refused ones included', ({ count }) => count);
  gauge('unreceipted_oldest_seconds', 'Age of the oldest of them; 0 if there is none', ({ oldest }) => (oldest?.ageMs ?? 0) / 1000);
  gauge('refused_events', 'Of them, those that the ledger refused or whose personal parts do not open: kept, not sent again', ({ refused }) => refused);
}

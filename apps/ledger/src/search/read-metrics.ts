import { Counter, Gauge, type Registry } from 'prom-client';
import type { PgProducers } from '../store/pg-producers.js';

export interface ReadMetrics {
  /** To be told of every indexed batch. */
  readonly indexed: (tenant: string, entries: number, unreadable: number) => void;
}

/**
 * Registers what the indexer and the gap report measure; gauges are read from the database when they are scraped.
 * A producer's id is never a label: ids are without number, labels must not be.
 * @param onError told when the database cannot be asked; the last values stay
 */
export function registerReadMetrics(registry: Registry, producers: PgProducers, onError: (error: unknown) => void): ReadMetrics {
  const registers = [registry];
  let refreshing: Promise<void> | undefined;
  // Both gauges come from one query, whichever is scraped first.
  const collect = (): Promise<void> => (refreshing ??= refresh().finally(() => (refreshing = undefined)));
  const missing = new Gauge({
    name: 'countersign_ledger_producer_missing_sequences',
    help: 'Sequence numbers that producers of this source skipped and did not send since.',
    labelNames: ['tenant', 'source'],
    registers,
    collect,
  });
  const silent = new Gauge({
    name: 'countersign_ledger_producer_silent',
    help: 'Producers of this source that stopped sending.',
    labelNames: ['tenant', 'source'],
    registers,
    collect,
  });
  const refresh = async (): Promise<void> => {
    try {
      const counts = await producers.omissions();
      missing.reset();
      silent.reset();
      for (const { tenant, source, ...count } of counts) {
        missing.set({ tenant, source }, count.missing);
        silent.set({ tenant, source }, count.silent);
      }
    } catch (error) {
      onError(error);
    }
  };
  const lag = new Gauge({
    name: 'countersign_ledger_index_lag_events',
    help: 'Events that are committed and not yet found by search.',
    labelNames: ['tenant'],
    registers,
    collect: () => producers.indexLag().then((lags) => {
      lag.reset();
      for (const { tenant, lag: events } of lags) lag.set({ tenant }, events);
    }).catch(onError),
  });
  const indexedEntries = new Counter({
    name: 'countersign_ledger_indexed_entries_total',
    help: 'Entries that the indexer has passed.',
    labelNames: ['tenant'],
    registers,
  });
  const unreadableEntries = new Counter({
    name: 'countersign_ledger_index_unreadable_entries_total',
    help: 'Entries that the indexer could not read: verification says why.',
    labelNames: ['tenant'],
    registers,
  });
  return {
    indexed: (tenant, entries, unreadable) => {
      indexedEntries.inc({ tenant }, entries);
      if (unreadable > 0) unreadableEntries.inc({ tenant }, unreadable);
    },
  };
}

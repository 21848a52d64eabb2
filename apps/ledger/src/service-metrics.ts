import { loopDelayMonitor } from '@countersign/runtime';
import { Gauge, type Registry } from 'prom-client';
import type { Verification } from './verify/verification.js';

export interface ServiceMetrics {
  readonly checkpointSize: Gauge<'tenant'>;
}

/** Metrics that are read when they are scraped: verdicts, ages, backlog, event loop. */
export function serviceMetrics(registry: Registry, view: { status: () => ReturnType<Verification['status']>; backlog: () => number }): ServiceMetrics {
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, labelNames: L[], collect?: (gauge: Gauge<L>) => void): Gauge<L> =>
    new Gauge<L>({
      name: `countersign_ledger_${name}`,
      help,
      labelNames,
      registers,
      collect(this: Gauge<L>) {
        collect?.(this);
      },
    });
  gauge('intact', '1 while the last verification found the ledger intact, 0 when it is broken', ['tenant'], (g) => {
    for (const { tenant, intact } of view.status()) if (intact !== undefined) g.set({ tenant }, intact ? 1 : 0);
  });
  gauge('unverified_age_seconds', 'Age of the oldest event that no verification has covered', ['tenant'], (g) => {
    for (const { tenant, unverifiedSeconds } of view.status()) g.set({ tenant }, unverifiedSeconds);
  });
  gauge('last_full_verification_timestamp_seconds', 'When the whole history was last verified', ['tenant'], (g) => {
    for (const { tenant, lastFullAt } of view.status()) if (lastFullAt !== undefined) g.set({ tenant }, Date.parse(lastFullAt) / 1000);
  });
  gauge('backlog_bytes', 'Bytes taken from the bus and not yet committed', [], (g) => g.set(view.backlog()));
  const loop = loopDelayMonitor();
  // Before the next, which begins the period anew: metrics are collected in the order in which they were made.
  gauge('loop_work_max_seconds', 'Most CPU time between two turns of the event loop since the last scrape; the rest of a delay was waiting for a core', [], (g) => g.set(loop.workMaxMs() / 1000));
  gauge('loop_delay_max_seconds', 'Longest time that the event loop was blocked since the last scrape', [], (g) => {
    g.set(loop.maxMs() / 1000);
    loop.reset();
  });
  return { checkpointSize: gauge('checkpoint_size', 'Tree size of the last signed checkpoint', ['tenant']) };
}

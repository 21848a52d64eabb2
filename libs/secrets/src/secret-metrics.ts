import { Counter, Gauge, type Registry } from 'prom-client';
import type { Secrets } from './open-secrets.js';

const MS_PER_SECOND = 1_000;
const LABELS = ['name', 'provider'];

/** Age, trouble and readings of each secret, never a value. */
export function registerSecretMetrics(registry: Registry, secrets: Pick<Secrets, 'status'>): void {
  const age = new Gauge({
    name: 'countersign_secret_age_seconds',
    help: 'Since the value was read; above the cache time its provider is away and the last good value is used',
    labelNames: LABELS,
    registers: [registry],
    collect: () => {
      for (const { name, provider, ageMs } of secrets.status()) if (ageMs !== undefined) age.set({ name, provider }, ageMs / MS_PER_SECOND);
    },
  });
  const failing = new Gauge({
    name: 'countersign_secret_failing',
    help: '1 while the last reading of the secret failed',
    labelNames: LABELS,
    registers: [registry],
    collect: () => {
      for (const { name, provider, failing: code } of secrets.status()) failing.set({ name, provider }, code === undefined ? 0 : 1);
    },
  });
  const reads = new Counter({
    name: 'countersign_secret_reads_total',
    help: 'Readings from the provider, by outcome',
    labelNames: [...LABELS, 'outcome'],
    registers: [registry],
    collect: () => {
      reads.reset();
      for (const { name, provider, readsDone, readsFailed } of secrets.status()) {
        reads.inc({ name, provider, outcome: 'done' }, readsDone);
        reads.inc({ name, provider, outcome: 'failed' }, readsFailed);
      }
    },
  });
}

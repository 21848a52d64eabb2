import { registerEventStoreMetrics } from '@countersign/event-store';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { ServiceParts } from './service-parts.js';
import { countOldRows, readEpoch } from './store/subject-rows.js';

/** Metrics of requests, and those that are read when they are scraped. */
export function serviceMetrics({ registry, store, pool, subjectPool, rows: keyRows }: ServiceParts) {
  const registers = [registry];
  registerEventStoreMetrics(store, registry);
  new Gauge({
    name: 'countersign_keys_remaining',
    help: 'Keys, rows or fields still under a version that no longer encrypts, of the last scan',
    labelNames: ['tenant', 'purpose', 'version'],
    registers,
    async collect() {
      this.reset();
      const { rows } = await pool.query<{ tenant: string; purpose: string; version: number; remaining: string }>(
        `SELECT tenant, purpose, version, remaining FROM key_versions WHERE state = 'decrypt-only' AND remaining IS NOT NULL ORDER BY tenant, purpose LIMIT 1000`,
      );
      for (const { tenant, purpose, version, remaining } of rows) this.set({ tenant, purpose, version }, Number(remaining));
    },
  });
  new Gauge({
    name: 'countersign_keys_rotation_due',
    help: 'Keys whose active version is older, or more used, than their policy allows',
    registers,
    async collect() {
      this.set(await keyRows.countRotationDue(new Date()));
    },
  });
  new Gauge({
    name: 'countersign_keys_epoch_rows_remaining',
    help: 'Subjects whose keys are not yet under the current epoch key',
    registers,
    async collect() {
      this.set(await countOldRows(subjectPool, (await readEpoch(subjectPool)).current));
    },
  });
  new Gauge({
    name: 'countersign_keys_epoch_age_seconds',
    help: 'Time since the current epoch began; beyond the interval of rolls, erasures do not reach backups in time',
    registers,
    async collect() {
      this.set((Date.now() - (await readEpoch(subjectPool)).rolledAt.getTime()) / 1_000);
    },
  });
  return {
    duration: new Histogram({
      name: 'countersign_keys_request_duration_seconds',
      help: 'Time to answer a request',
      labelNames: ['operation', 'outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    refused: new Counter({ name: 'countersign_keys_refused_total', help: 'Refused requests', labelNames: ['code'], registers }),
    open: new Gauge({ name: 'countersign_keys_requests_open', help: 'Requests being answered', registers }),
  };
}

import { registerEventStoreMetrics } from '@countersign/event-store';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { ServiceParts } from './service-parts.js';

export type ServiceMetrics = ReturnType<typeof serviceMetrics>;

export function serviceMetrics({ registry, store }: Pick<ServiceParts, 'registry' | 'store'>) {
  const registers = [registry];
  registerEventStoreMetrics(store, registry);
  return {
    duration: new Histogram({
      name: 'countersign_identity_request_duration_seconds',
      help: 'Time to answer a request',
      labelNames: ['operation', 'outcome'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    refused: new Counter({ name: 'countersign_identity_refused_total', help: 'Refused requests', labelNames: ['operation', 'code'], registers }),
    open: new Gauge({ name: 'countersign_identity_requests_open', help: 'Requests being answered', registers }),
    locked: new Counter({ name: 'countersign_identity_locked_total', help: 'Attempts that were not looked at because there had been too many', labelNames: ['what'], registers }),
  };
}

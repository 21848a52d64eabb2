import { registerEventStoreMetrics } from '@countersign/event-store';
import { requestMetrics } from '@countersign/request-reply';
import { Counter, Gauge } from 'prom-client';
import { SOURCE, type ServiceParts } from './service-parts.js';
import type { UserRows } from './store/user-rows.js';

export type ServiceMetrics = ReturnType<typeof serviceMetrics>;

export function serviceMetrics({ registry, store }: Pick<ServiceParts, 'registry' | 'store'>) {
  const registers = [registry];
  registerEventStoreMetrics(store, registry);
  return {
    requests: requestMetrics(SOURCE, registry),
    locked: new Counter({ name: 'countersign_identity_locked_total', help: 'Attempts that were not looked at because there had been too many', labelNames: ['what'], registers }),
  };
}

/** Only where somebody can be asked: otherwise all of them wait for ever, and nobody need be told. */
export function leakCheckMetric({ registry, log }: Pick<ServiceParts, 'registry' | 'log'>, users: Pick<UserRows, 'leakChecksPending'>): void {
  new Gauge({
    name: 'countersign_identity_leak_checks_pending',
    help: 'Passwords that nobody could look up in lists of stolen ones; each is looked up when its owner signs in',
    registers: [registry],
    async collect() {
      try {
        this.set(await users.leakChecksPending());
      } catch (error) {
        // The other figures are told all the same.
        log.warn({ err: error }, 'passwords to be looked up are not counted');
      }
    },
  });
}

import { HolderClient } from '@countersign/holder';
import { covers } from '@countersign/retention-rules';
import { DryRun } from '../policies/dry-run.js';
import type { Flows } from '../parts.js';
import type { ServiceParts } from '../service-parts.js';
import { BUILT_IN_TYPES } from '../types/built-in-types.js';
import { loadRules } from './load-rules.js';
import { OrderRows } from './order-rows.js';
import type { Recall } from './recall.js';
import { Settling } from './settling.js';
import { SweepLoop } from './sweep-loop.js';
import { sweepMetrics } from './sweep-metrics.js';
import { Sweeper, touchesOrder } from './sweeper.js';

export interface Sweep {
  readonly loop: SweepLoop;
  /** Calls back what a hold touches that is on record already. */
  readonly recall: Recall;
  /** Looks at the same resources, by the same rules. */
  readonly dryRuns: DryRun;
}

/** The sweeper of this process. */
export function openSweep({ config, pool, bus, keys, store, registry, log }: ServiceParts, flows: Pick<Flows, 'policies' | 'holds' | 'restrictions' | 'announceMs' | 'newId'>, now: () => Date): Sweep {
  const orders = new OrderRows(pool);
  const metrics = sweepMetrics(registry, orders, now);
  const holders = new HolderClient(bus);
  const types = async () => BUILT_IN_TYPES;
  const settling = new Settling({ store, holders, sign: async (statement) => (await keys.client.ask('sign-certificate', { kind: 'deletion', statement })).result.certificate });
  const source = { pool, types, announceMs: flows.announceMs, policies: () => flows.policies.rules(), holds: (since: Date) => flows.holds.rules(since), restrictions: (at: Date) => flows.restrictions.rules(at) };
  const sweeper = new Sweeper({
    store, orders, settling, holders, types, now,
    newId: flows.newId,
    rules: (at) => loadRules(source, at),
    ordersPerSecondMax: config.ordersPerSecondMax,
    metrics: {
      settled: metrics.settled,
      failed: (holder, error) => {
        metrics.failed(holder, error);
        log.warn({ err: error, holder }, 'a holder did not answer, it is asked again');
      },
    },
  });
  const ranges = new Set(BUILT_IN_TYPES.filter(({ isRange }) => isRange).map(({ type }) => type));
  return {
    loop: new SweepLoop({ pool, sweeper, log, now, pauseMs: config.sweepPauseMs, swept: metrics.swept }),
    dryRuns: new DryRun(source, holders),
    recall: (hold) => sweeper.recall((open) => touchesOrder(open, ranges.has(open.order.type), (resource) => covers(hold, resource), hold.organization)),
  };
}

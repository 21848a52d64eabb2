import { covers } from '@countersign/retention-rules';
import { DryRun } from '../policies/dry-run.js';
import type { Flows } from '../parts.js';
import type { ServiceParts } from '../service-parts.js';
import { FetchedOrders } from '../resources/fetched-orders.js';
import { claimResources, ReportedRows } from '../store/reported-rows.js';
import { BUILT_IN_TYPES } from '../types/built-in-types.js';
import { EveryHolder } from './every-holder.js';
import { loadRules } from './load-rules.js';
import { OrderRows } from './order-rows.js';
import type { Recall } from './recall.js';
import { certify, Settling } from './settling.js';
import { SweepLoop } from './sweep-loop.js';
import { sweepMetrics } from './sweep-metrics.js';
import { Sweeper, touchesOrder } from './sweeper.js';

export interface Sweep {
  readonly loop: SweepLoop;
  /** Calls back what a hold touches that is on record already. */
  readonly recall: Recall;
  /** Looks at the same resources, by the same rules. */
  readonly dryRuns: DryRun;
  readonly fetched: FetchedOrders;
}

/** The sweeper of this process. */
export function openSweep({ config, pool, holders: asked, keys, store, registry, log }: ServiceParts, flows: Pick<Flows, 'policies' | 'holds' | 'restrictions' | 'types' | 'announceMs' | 'newId'>, now: () => Date): Sweep {
  const orders = new OrderRows(pool);
  const metrics = sweepMetrics(registry, orders, now);
  const resources = new ReportedRows(pool);
  const holders = new EveryHolder(asked, resources);
  const types = () => flows.types.all();
  const sign = async (statement: string): Promise<string> => (await keys.client.ask('sign-certificate', { kind: 'deletion', statement })).result.certificate;
  const source = { pool, types, announceMs: flows.announceMs, policies: () => flows.policies.rules(), holds: (since: Date) => flows.holds.rules(since), restrictions: (at: Date) => flows.restrictions.rules(at) };
  const fetched = new FetchedOrders({ store, pool, orders, resources, types: flows.types, rules: (at) => loadRules(source, at), certify: (open, outcome) => certify(sign, open, outcome), settled: metrics.settled });
  const settling = new Settling({ store, holders, sign, fetched });
  const sweeper = new Sweeper({
    store, orders, settling, holders, types, now,
    newId: flows.newId,
    rules: (at) => loadRules(source, at),
    claim: (client, { order: { tenant, type, orderId, resources: ids } }) => claimResources(client, tenant, type, orderId, ids),
    ordersPerSecondMax: config.ordersPerSecondMax,
    metrics: {
      settled: metrics.settled,
      overheld: metrics.overheld,
      failed: (holder, error) => {
        metrics.failed(holder, error);
        log.warn({ err: error, holder }, 'a holder did not answer, it is asked again');
      },
    },
  });
  const ranges = new Set(BUILT_IN_TYPES.filter(({ isRange }) => isRange).map(({ type }) => type));
  return {
    fetched,
    loop: new SweepLoop({ pool, sweeper, log, now, pauseMs: config.sweepPauseMs, swept: metrics.swept }),
    dryRuns: new DryRun(source, holders),
    recall: (hold) => sweeper.recall((open) => touchesOrder(open, ranges.has(open.order.type), (resource) => covers(hold, resource), hold.organization)),
  };
}

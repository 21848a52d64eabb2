import { Counter, Gauge, type Registry } from 'prom-client';
import type { OrderRows } from './order-rows.js';
import type { SweepMetrics } from './sweeper.js';

/** One series each. */
const TYPES_SHOWN_MAX = 100;

/** Progress of the sweeper. Labels are types and names of services: nothing of anybody. */
export function sweepMetrics(registry: Registry, orders: OrderRows, now: () => Date): SweepMetrics & { readonly swept: (at: Date) => void } {
  const registers = [registry];
  const settled = new Counter({ name: 'countersign_retention_orders_total', help: 'Orders of deletion, by what became of them', labelNames: ['type', 'state'], registers });
  const resources = new Counter({ name: 'countersign_retention_resources_deleted_total', help: 'Resources that are gone by orders', labelNames: ['type'], registers });
  const items = new Counter({ name: 'countersign_retention_items_deleted_total', help: 'Things in them, where a resource is a range of many', labelNames: ['type'], registers });
  const failures = new Counter({ name: 'countersign_retention_sweep_failures_total', help: 'Lists and orders that a holder did not answer', labelNames: ['holder'], registers });
  // Alerted on: what is due there stays until fewer are held (docs/operations/runbooks/deletion-stuck.md).
  const overheld = new Gauge({ name: 'countersign_retention_ledgers_overheld', help: 'Ledgers of whose parts nothing was ordered in the last sweep, because more ids are held or restricted there than an order names', registers });
  const last = new Gauge({ name: 'countersign_retention_last_sweep_timestamp_seconds', help: 'When the last sweep ended', registers });
  const open = new Gauge({ name: 'countersign_retention_orders_open', help: 'Orders whose outcome nobody knows yet', registers });
  // Alerted on: an order that stays open says that something due is not gone (docs/operations/runbooks/deletion-stuck.md).
  new Gauge({
    name: 'countersign_retention_oldest_open_order_seconds',
    help: 'Age of the oldest open order; 0 when there is none',
    registers,
    async collect() {
      const { count, since } = await orders.waiting();
      open.set(count);
      this.set(since === undefined ? 0 : Math.max(0, (now().getTime() - since.getTime()) / 1_000));
    },
  });
  // Alerted on: a service does not come for its orders (docs/operations/runbooks/orders-unfetched.md).
  new Gauge({
    name: 'countersign_retention_oldest_unfetched_order_seconds',
    help: 'Age of the oldest order of a type that its service has not fetched; of the types that wait longest',
    labelNames: ['type'],
    registers,
    async collect() {
      const waiting = await orders.unfetchedSince(TYPES_SHOWN_MAX);
      this.reset();
      for (const { type, since } of waiting) this.set({ type }, Math.max(0, (now().getTime() - since.getTime()) / 1_000));
    },
  });
  return {
    settled: (outcome, { order: { type } }) => {
      settled.inc({ type, state: outcome.state });
      if (outcome.state !== 'executed') return;
      resources.inc({ type }, outcome.done.length);
      items.inc({ type }, outcome.items);
    },
    failed: (holder) => failures.inc({ holder }),
    overheld: (tenants) => overheld.set(tenants),
    swept: (at) => last.set(at.getTime() / 1_000),
  };
}

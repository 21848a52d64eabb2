import { CARRY_OUT_MS, FETCHED_ORDERS_MAX, type FetchedOrder } from '@countersign/contracts';
import type { AskedFrom, Cause, EventStore } from '@countersign/event-store';
import type { Outcome } from '@countersign/retention-rules';
import type { Pool, PoolClient } from '@countersign/postgres';
import { deletionAggregate, type DeletionCommand } from '../domain/deletion.js';
import { RetentionFault } from '../domain/retention-fault.js';
import { freeResources, type ReportedRows } from '../store/reported-rows.js';
import { unknownType, type CustomType, type TypeRows } from '../store/type-rows.js';
import { resourceOf } from '../sweep/due.js';
import { settleOrder, type OpenOrder, type OrderRows } from '../sweep/order-rows.js';
import { holdRules, RulesMoved } from '../sweep/rule-gate.js';
import { SWEEPER, type Certified, type Settled } from '../sweep/settling.js';
import type { SweepRules } from '../sweep/sweeper.js';

const CONFLICTS_MAX = 5;
/** Orders looked at for one request: those that are not due any more are called back on the way. */
const LOOKED_AT_MAX = 64;
/** Rules that change while orders are handed out: what is not out yet is judged again, so often in one request. */
const JUDGED_AGAIN_MAX = 20;

export interface FetchedOrdersDependencies {
  readonly store: EventStore;
  readonly pool: Pool;
  readonly orders: OrderRows;
  readonly types: TypeRows;
  readonly resources: ReportedRows;
  readonly rules: (now: Date) => Promise<SweepRules>;
  /** What a certificate says of what is gone, signed; the same again for the same. */
  readonly certify: (open: OpenOrder, outcome: Extract<Settled, { state: 'executed' }>) => Promise<Certified>;
  readonly settled: (settled: Settled, open: OpenOrder) => void;
}

/** In whose name a service fetches and answers. */
export interface ByService {
  readonly cause: Cause;
  readonly origin: AskedFrom | undefined;
  readonly checkFresh: () => void;
}

export interface Confirmed {
  readonly gone: number;
  readonly wasRecalled: boolean;
  readonly certificate?: string;
}

/** Orders of services that cannot be asked: they lie here until they are fetched, and are judged once more when they are. */
export class FetchedOrders {
  constructor(private readonly deps: FetchedOrdersDependencies) {}

  /** Orders to be carried out now, those that are out already first. Throws TYPE_UNKNOWN. */
  async fetch(tenant: string, type: string, limit: number, by: ByService): Promise<FetchedOrder[]> {
    await this.#type(tenant, type);
    const at = await now(this.deps.pool);
    let triesLeft = JUDGED_AGAIN_MAX;
    let rules = await this.deps.rules(at);
    const out: FetchedOrder[] = [];
    for (const open of await this.deps.orders.out(type, at, FETCHED_ORDERS_MAX)) {
      // Whoever placed the hold may have crashed before he called it back.
      if (rules.isHeld(open)) await this.recall(open);
      else out.push(fetched(open));
    }
    if (out.length >= limit) return out.slice(0, limit);
    for (const open of await this.deps.orders.unfetched(type, LOOKED_AT_MAX)) {
      for (let isJudged = false; !isJudged && out.length < limit; ) {
        try {
          const order = await this.#handOut(open, rules, by);
          if (order !== undefined) out.push(order);
          isJudged = true;
        } catch (error) {
          if (!(error instanceof RulesMoved) || triesLeft-- === 0) throw error;
          rules = await this.deps.rules(at);
        }
      }
    }
    return out;
  }

  /** Undefined: it is not due any more, and was called back. Throws RulesMoved. */
  async #handOut(open: OpenOrder, rules: SweepRules, by: ByService): Promise<FetchedOrder | undefined> {
    const { order: { orderId, type, action, resources: ids } } = open;
    const known = await this.deps.resources.known(type, ids);
    if (known.length !== ids.length || !known.every((resource) => isDue(rules.outcomeOf(resourceOf(resource), open.erasure), action))) {
      await this.recall(open);
      return undefined;
    }
    const at = await now(this.deps.pool);
    const until = new Date(at.getTime() + CARRY_OUT_MS).toISOString();
    const { state } = await this.#execute(open, { type: 'hand-out', orderId, origin: by.origin, at: at.toISOString(), until }, by.cause, async (client) => {
      await holdRules(client, rules.version);
      // As they were judged: against these a hold is held from now on.
      await client.query('UPDATE deletion_orders SET fetched_at = clock_timestamp(), fetched_until = $2, resources = $3 WHERE order_id = $1', [orderId, until, JSON.stringify(known)]);
      by.checkFresh();
    });
    // Somebody else was first: an edge that asks twice, or a second instance of the service.
    return state?.state === 'open' && state.fetchedUntil !== undefined ? { orderId, action, resources: [...ids], expiresAt: state.fetchedUntil } : undefined;
  }

  /** Throws TYPE_UNKNOWN, ORDER_UNKNOWN, ORDER_EXPIRED, ORDER_SETTLED, REQUEST_MALFORMED. */
  async confirm(tenant: string, type: string, orderId: string, gone: readonly string[], by: ByService): Promise<Confirmed> {
    const open = await this.#find(tenant, type, orderId);
    if (new Set(gone).size !== gone.length || gone.some((id) => !open.order.resources.includes(id))) throw new RetentionFault('REQUEST_MALFORMED', 'names what is not of the order, or twice', { field: 'gone' });
    const at = (await now(this.deps.pool)).toISOString();
    const outcome = { state: 'executed' as const, at, done: [...gone], items: gone.length };
    const { state: before } = await this.deps.store.load(deletionAggregate, tenant, orderId);
    if (before?.fetchedUntil === undefined) throw unknownOrder();
    if (before.state === 'executed') return this.#answer(orderId, gone, before.recallAskedAt !== undefined);
    // Nothing is certified that is refused; what is late now stays late.
    const { certificate, listSha256 } = before.state === 'open' && at < before.fetchedUntil ? await this.deps.certify(open, outcome) : NOTHING;
    const { state, events } = await this.#execute(open, { type: 'confirm', orderId, origin: by.origin, at, outcome, listSha256, certificate }, by.cause, async (client, recorded) => {
      // What came too late is on record, and changes nothing.
      if (!recorded.some(({ type: event }) => event.endsWith('.executed'))) return;
      await freeResources(client, type, orderId, gone);
      await settleOrder(client, orderId, 'executed', outcome, certificate);
      // Whoever waits for the erasure is told without a pause.
      if (open.erasure !== undefined) await client.query('UPDATE subject_requests SET next_at = now() WHERE request_id = $1', [open.erasure.id]);
      by.checkFresh();
    });
    if (state?.state !== 'executed') throw new RetentionFault('ORDER_EXPIRED', 'it was to be carried out before; what is gone is reported as removed', { field: 'orderId' });
    if (events.length > 0) this.deps.settled(outcome, open);
    return this.#answer(orderId, gone, state.recallAskedAt !== undefined);
  }

  /** The same for the same, and nothing else for anything else. */
  async #answer(orderId: string, gone: readonly string[], wasRecalled: boolean): Promise<Confirmed> {
    const settled = await this.deps.orders.settled(orderId);
    if (settled?.outcome.state !== 'executed' || settled.outcome.done.length !== gone.length || !gone.every((id) => settled.outcome.state === 'executed' && settled.outcome.done.includes(id))) throw new RetentionFault('ORDER_SETTLED', 'it was answered otherwise', { field: 'orderId' });
    return { gone: gone.length, wasRecalled, ...(settled.certificate === undefined ? {} : { certificate: settled.certificate }) };
  }

  /** Throws TYPE_UNKNOWN, ORDER_UNKNOWN, ORDER_SETTLED. */
  async refuse(tenant: string, type: string, orderId: string, reason: string, by: ByService): Promise<void> {
    const open = await this.#find(tenant, type, orderId);
    const at = (await now(this.deps.pool)).toISOString();
    const { state, events } = await this.#execute(open, { type: 'decline', orderId, origin: by.origin, at, reason }, by.cause, async (client, recorded) => {
      if (recorded.length === 0) return;
      await freeResources(client, type, orderId, []);
      await settleOrder(client, orderId, 'refused', undefined, undefined);
      by.checkFresh();
    });
    if (state?.fetchedUntil === undefined) throw unknownOrder();
    if (state.state !== 'refused') throw new RetentionFault('ORDER_SETTLED', 'it was answered otherwise', { field: 'orderId' });
    if (events.length > 0) this.deps.settled({ state: 'refused' }, open);
  }

  /** What became of it, as far as retention can know: undefined while it waits to be fetched, or confirmed. */
  async outcome(open: OpenOrder): Promise<Settled | undefined> {
    const { order: { orderId, tenant, type, expiresAt } } = open;
    const at = await now(this.deps.pool);
    if (at.toISOString() >= expiresAt) return this.#end(open, { type: 'expire', orderId, at: at.toISOString() });
    // Withdrawn: nobody can fetch it any more.
    return (await this.deps.types.find(tenant, type)) === undefined ? this.recall(open) : undefined;
  }

  /** Calls it back. Undefined: its holder has it, and it is over at its time. */
  async recall(open: OpenOrder): Promise<Settled | undefined> {
    return this.#end(open, { type: 'call-back', orderId: open.order.orderId, at: (await now(this.deps.pool)).toISOString() });
  }

  async #end(open: OpenOrder, command: Extract<DeletionCommand, { type: 'call-back' | 'expire' }>): Promise<Settled | undefined> {
    const { order: { orderId, type } } = open;
    const { state } = await this.#execute(open, command, SWEEPER, async (client, recorded) => {
      if (recorded.length === 0) return;
      const isOver = recorded.some(({ type: event }) => event.endsWith('.recalled') || event.endsWith('.expired'));
      if (!isOver) {
        await client.query('UPDATE deletion_orders SET recall_asked_at = $2 WHERE order_id = $1', [orderId, command.at]);
        return;
      }
      await freeResources(client, type, orderId, []);
      const became = command.type === 'expire' ? 'expired' : 'recalled';
      await settleOrder(client, orderId, became, { state: became, at: command.at }, undefined);
    });
    if (state === undefined || state.state === 'open') return undefined;
    if (state.state === 'refused') return { state: 'refused' };
    return (await this.deps.orders.settled(orderId))?.outcome;
  }

  async #execute({ order: { tenant, orderId: id } }: OpenOrder, command: DeletionCommand, cause: Cause, project: (client: PoolClient, recorded: readonly { readonly type: string }[]) => Promise<void>) {
    return this.deps.store.execute(deletionAggregate, { tenant, id, command, ...cause, retriesMax: CONFLICTS_MAX, project });
  }

  async #type(tenant: string, name: string): Promise<CustomType> {
    const type = await this.deps.types.find(tenant, name);
    if (type?.way !== 'http') throw unknownType();
    return type;
  }

  async #find(tenant: string, type: string, orderId: string): Promise<OpenOrder> {
    await this.#type(tenant, type);
    const open = await this.deps.orders.find(type, orderId);
    if (open === undefined) throw unknownOrder();
    return open;
  }
}

const NOTHING: Certified = { listSha256: '', certificate: undefined };
const unknownOrder = (): RetentionFault => new RetentionFault('ORDER_UNKNOWN', 'nobody has fetched such an order', { field: 'orderId' });
const isDue = (outcome: Outcome | undefined, action: string): boolean => outcome?.verdict === 'due' && outcome.action === action;
const fetched = ({ order: { orderId, action, resources, expiresAt } }: OpenOrder): FetchedOrder => ({ orderId, action, resources: [...resources], expiresAt });

/** By the clock of the database: nobody else's counts. */
async function now(pool: Pool): Promise<Date> {
  return (await pool.query<{ at: Date }>('SELECT clock_timestamp() AS at')).rows[0]!.at;
}

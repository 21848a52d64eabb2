import { createHash } from 'node:crypto';
import { orderOutcomeSchema, type HeldOrder, type OrderOutcome } from '@countersign/contracts';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { HolderFault } from './fault.js';
import type { Carried, Holder } from './holder.js';

interface OrderRow {
  readonly order_digest: string | null;
  readonly outcome: unknown;
}

/** No order takes longer, whatever time it has left. */
const TRANSACTION_MS_MAX = 300_000;

/** Somebody else has settled the order, or is about to. */
class Unsettled extends Error {}

/** Orders of one service, each carried out or called off, once. */
export class Orders {
  constructor(
    private readonly pool: Pool,
    private readonly holder: Holder,
  ) {}

  /**
   * Carries the order out, or says what became of it before. The outcome is durable when this resolves. After a rejection it is
   * unknown: ask again.
   */
  async execute(order: HeldOrder): Promise<OrderOutcome> {
    const actions = this.holder.types[order.type];
    if (actions === undefined) throw new HolderFault('TYPE_UNKNOWN', 'nothing of this type is held here', 'type');
    if (!actions.includes(order.action)) throw new HolderFault('ACTION_UNKNOWN', 'this is not done with this type', 'action');
    return (await this.#known(order)) ?? (await this.#attempt(order));
  }

  /** The first to commit wins: the answer says which it was. */
  recall(orderId: string): Promise<OrderOutcome> {
    return this.#callOff(orderId, 'recalled');
  }

  /** For the holder itself: settles an order of which it knows that its time is over, as if it had come again. */
  expire(orderId: string): Promise<OrderOutcome> {
    return this.#callOff(orderId, 'expired');
  }

  async #callOff(orderId: string, state: 'recalled' | 'expired'): Promise<OrderOutcome> {
    const at = await now(this.pool);
    await this.pool.query('INSERT INTO retention_orders (order_id, state, outcome) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [orderId, state, { state, at } satisfies OrderOutcome]);
    const row = await find(this.pool, orderId);
    return orderOutcomeSchema.parse(row?.outcome);
  }

  async #known(order: HeldOrder): Promise<OrderOutcome | undefined> {
    const row = await find(this.pool, order.orderId);
    if (row === undefined) return undefined;
    if (row.order_digest !== null && row.order_digest !== orderDigest(order)) throw new HolderFault('ORDER_ID_REUSED', 'there is another order of this id', 'orderId');
    return orderOutcomeSchema.parse(row.outcome);
  }

  async #attempt(order: HeldOrder): Promise<OrderOutcome> {
    const prepared = Date.parse(order.expiresAt) > Date.parse(await now(this.pool)) ? await this.holder.prepare?.(order) : undefined;
    try {
      return await withTransaction(this.pool, (client) => this.#carryOut(client, order, prepared));
    } catch (error) {
      if (!(error instanceof Unsettled)) throw error;
      // Somebody else was first: what he committed is there now.
      const outcome = await this.#known(order);
      if (outcome === undefined) throw new HolderFault('HOLDER_UNAVAILABLE', 'the order is being carried out; ask again', undefined, { cause: error });
      return outcome;
    }
  }

  async #carryOut(client: PoolClient, order: HeldOrder, prepared: unknown): Promise<OrderOutcome> {
    const leftMs = Date.parse(order.expiresAt) - Date.parse(await now(client));
    if (leftMs <= 0) return this.#settle(client, order, { state: 'expired', at: await now(client) });
    // The server itself ends the transaction when the order's time is over (PostgreSQL 17, transaction_timeout): nothing is done late.
    await client.query(`SET LOCAL transaction_timeout = ${Math.ceil(Math.min(leftMs, TRANSACTION_MS_MAX))}`);
    const { done, items = done.length }: Carried = await this.holder.carryOut(client, order, prepared);
    return this.#settle(client, order, { state: 'executed', at: await now(client), done: [...done], items });
  }

  /** Waits for whoever is at the same row, and gives way to him. */
  async #settle(client: PoolClient, order: HeldOrder, outcome: OrderOutcome): Promise<OrderOutcome> {
    const { rowCount } = await client.query('INSERT INTO retention_orders (order_id, state, order_digest, outcome) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [order.orderId, outcome.state, orderDigest(order), outcome]);
    // The one commit point follows; rolled back, nothing of this attempt is left.
    if (rowCount !== 1) throw new Unsettled();
    return outcome;
  }
}

async function find(pool: Pool, orderId: string): Promise<OrderRow | undefined> {
  return (await pool.query<OrderRow>('SELECT order_digest, outcome FROM retention_orders WHERE order_id = $1', [orderId])).rows[0];
}

/** By the clock of the database: nobody else's counts. */
async function now(queryable: Pick<Pool | PoolClient, 'query'>): Promise<string> {
  const { rows } = await (queryable as Pool).query<{ at: Date }>('SELECT clock_timestamp() AS at');
  return rows[0]!.at.toISOString();
}

/** An order is the same when what it takes away is. */
export function orderDigest({ orderId, tenant, type, action, resources, except }: HeldOrder): string {
  return createHash('sha256').update(JSON.stringify([orderId, tenant, type, action, resources, except])).digest('hex');
}

import type { Pool } from 'pg';
import { Refused, type Countersign, type Order } from './countersign.js';
import type { Kind } from './kinds.js';

/** Left for the deletion itself and the way back; an order with less time is left alone. */
const MARGIN_MS = 10_000;
/** Answers that stay: the order is over, and what is gone is reported like any other change. */
const OVER: ReadonlySet<string> = new Set(['ORDER_UNKNOWN', 'ORDER_EXPIRED', 'ORDER_SETTLED']);

/** Carries out what is ordered now, and says so. */
export async function carryOutOrders(pool: Pool, countersign: Pick<Countersign, 'orders' | 'confirm'>, kinds: readonly Kind[], now: () => number): Promise<void> {
  for (const kind of kinds) {
    for (const order of await countersign.orders(kind.type)) {
      const gone = await carryOut(pool, kind, order, now);
      if (gone === undefined) continue;
      try {
        const certificate = await countersign.confirm(kind.type, order.orderId, gone);
        await pool.query('UPDATE carried_out SET certificate = $2 WHERE order_id = $1', [order.orderId, certificate ?? null]);
      } catch (error) {
        if (!(error instanceof Refused) || !OVER.has(error.code)) throw error;
      }
    }
  }
}

/**
 * Deletes in one transaction with the row that remembers it: a crash before it commits has deleted nothing, and after it the same ids are
 * confirmed when the order is fetched again. Undefined: there is no time left.
 */
async function carryOut(pool: Pool, { table }: Kind, { orderId, resources, expiresAt }: Order, now: () => number): Promise<readonly string[] | undefined> {
  const client = await pool.connect();
  try {
    const { rows: known } = await client.query<{ gone: string[] }>('SELECT gone FROM carried_out WHERE order_id = $1', [orderId]);
    if (known[0] !== undefined) return known[0].gone;
    const leftMs = Date.parse(expiresAt) - now() - MARGIN_MS;
    if (leftMs <= 0) return undefined;
    await client.query('BEGIN');
    // The server itself ends what takes too long: nothing is deleted after the order's time.
    await client.query(`SET LOCAL transaction_timeout = ${Math.floor(leftMs)}`);
    await client.query(`DELETE FROM ${table} WHERE id = ANY ($1)`, [resources]);
    // What was not there any more is gone all the same.
    await client.query('INSERT INTO carried_out (order_id, gone) VALUES ($1, $2)', [orderId, resources]);
    await client.query('COMMIT');
    return resources;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

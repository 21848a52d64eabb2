import type { DataClass, HeldOrder, HeldResource, OrderOutcome } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { DeletionRule } from '../domain/deletion.js';

/** Orders read at once: each names up to a thousand resources. */
const PAGE = 100;

export interface OpenOrder {
  readonly order: HeldOrder;
  readonly holder: string;
  readonly dataClass: DataClass;
  readonly resources: readonly HeldResource[];
  readonly rule: DeletionRule;
}

interface OrderRow {
  readonly order_id: string;
  readonly holder: string;
  readonly data_class: DataClass;
  readonly request: HeldOrder;
  readonly resources: readonly HeldResource[];
  readonly rule: DeletionRule;
}

/** Read table of orders. */
export class OrderRows {
  constructor(readonly pool: Pool) {}

  /** All those that nobody knows the outcome of, the oldest first; those that are settled meanwhile are left out. */
  async *open(): AsyncGenerator<OpenOrder> {
    for (let after: string | undefined; ; ) {
      // Compared where the times are: PostgreSQL's are finer than Date.
      const { rows } = await this.pool.query<OrderRow>(
        `SELECT order_id, holder, data_class, request, resources, rule FROM deletion_orders
         WHERE state = 'open' AND ($1::text IS NULL OR (ordered_at, order_id) > (SELECT ordered_at, order_id FROM deletion_orders WHERE order_id = $1))
         ORDER BY ordered_at, order_id LIMIT $2`,
        [after, PAGE],
      );
      for (const { holder, data_class: dataClass, request: order, resources, rule } of rows) yield { order, holder, dataClass, resources, rule };
      after = rows.at(-1)?.order_id;
      if (after === undefined) return;
    }
  }

  /** How many are open, and since when. */
  async waiting(): Promise<{ readonly count: number; readonly since: Date | undefined }> {
    const { rows } = await this.pool.query<{ count: string; since: Date | null }>(`SELECT count(*), min(ordered_at) AS since FROM deletion_orders WHERE state = 'open'`);
    return { count: Number(rows[0]!.count), since: rows[0]!.since ?? undefined };
  }
}

export async function insertOrder(client: PoolClient, { order, holder, dataClass, resources, rule }: OpenOrder): Promise<void> {
  await client.query(
    `INSERT INTO deletion_orders (order_id, tenant, holder, type, data_class, state, request, resources, rule, ordered_at) VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9)`,
    [order.orderId, order.tenant, holder, order.type, dataClass, order, JSON.stringify(resources), rule, order.orderedAt],
  );
}

export async function settleOrder(client: PoolClient, orderId: string, state: OrderOutcome['state'] | 'refused', outcome: OrderOutcome | undefined, certificate: string | undefined): Promise<void> {
  await client.query('UPDATE deletion_orders SET state = $2, settled_at = now(), outcome = $3, certificate = $4 WHERE order_id = $1', [orderId, state, outcome ?? null, certificate ?? null]);
}

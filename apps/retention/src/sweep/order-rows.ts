import type { DataClass, DeletionAction, HeldOrder, HeldResource, OrderOutcome } from '@countersign/contracts';
import type { Erasure } from '@countersign/retention-rules';
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
  /** The request of a data subject that it is a part of. */
  readonly erasure?: Erasure;
}

interface OrderRow {
  readonly order_id: string;
  readonly holder: string;
  readonly data_class: DataClass;
  readonly request: HeldOrder;
  readonly resources: readonly HeldResource[];
  readonly rule: DeletionRule;
  readonly fetched_until: Date | null;
  readonly request_id: string | null;
  readonly received_at: Date | null;
}

const SQL = `SELECT o.order_id, o.holder, o.data_class, o.request, o.resources, o.rule, o.fetched_until, o.request_id, s.received_at FROM deletion_orders o LEFT JOIN subject_requests s ON s.request_id = o.request_id`;

/** Read table of orders. */
export class OrderRows {
  constructor(readonly pool: Pool) {}

  /**
   * All those that nobody knows the outcome of, the oldest first; those that are settled meanwhile are left out.
   * @param toSettle without those whose holders fetch them and still can
   */
  async *open(toSettle = false): AsyncGenerator<OpenOrder> {
    for (let after: string | undefined; ; ) {
      // Compared where the times are: PostgreSQL's are finer than Date.
      const { rows } = await this.pool.query<OrderRow>(
        `${SQL} WHERE o.state = 'open' AND ($1::text IS NULL OR (o.ordered_at, o.order_id) > (SELECT ordered_at, order_id FROM deletion_orders WHERE order_id = $1))
         AND (NOT $3 OR NOT starts_with(o.holder, 'reported.') OR coalesce(o.fetched_until, (o.request->>'expiresAt')::timestamptz) <= clock_timestamp()
           OR EXISTS (SELECT FROM resource_types t WHERE t.type = o.type AND t.withdrawn_at IS NOT NULL))
         ORDER BY o.ordered_at, o.order_id LIMIT $2`,
        [after, PAGE, toSettle],
      );
      for (const row of rows) yield openOf(row);
      after = rows.at(-1)?.order_id;
      if (after === undefined) return;
    }
  }

  /** Of a type, whatever became of it. */
  async find(type: string, orderId: string): Promise<OpenOrder | undefined> {
    const { rows } = await this.pool.query<OrderRow>(`${SQL} WHERE o.order_id = $1 AND o.type = $2`, [orderId, type]);
    return rows[0] && openOf(rows[0]);
  }

  /** Those of a type that nobody has fetched, the oldest first. */
  async unfetched(type: string, limit: number): Promise<OpenOrder[]> {
    return (await this.pool.query<OrderRow>(`${SQL} WHERE o.type = $1 AND o.state = 'open' AND o.fetched_at IS NULL ORDER BY o.ordered_at, o.order_id LIMIT $2`, [type, limit])).rows.map(openOf);
  }

  /** Those of a type that are out and still to be carried out: no hold has asked for them back. */
  async out(type: string, now: Date, limit: number): Promise<OpenOrder[]> {
    const { rows } = await this.pool.query<OrderRow>(
      `${SQL} WHERE o.type = $1 AND o.state = 'open' AND o.fetched_until > $2 AND o.recall_asked_at IS NULL ORDER BY o.ordered_at, o.order_id LIMIT $3`,
      [type, now, limit],
    );
    return rows.map(openOf);
  }

  /** What is gone by the orders of a request of a data subject. */
  async goneBy(requestId: string): Promise<{ readonly holder: string; readonly type: string; readonly dataClass: DataClass; readonly action: DeletionAction; readonly count: number }[]> {
    const { rows } = await this.pool.query<{ holder: string; type: string; data_class: DataClass; action: DeletionAction; count: string }>(
      `SELECT holder, type, data_class, request->>'action' AS action, sum(jsonb_array_length(outcome->'done')) AS count FROM deletion_orders
       WHERE request_id = $1 AND state = 'executed' GROUP BY 1, 2, 3, 4 HAVING sum(jsonb_array_length(outcome->'done')) > 0 ORDER BY 1, 2, 3, 4`,
      [requestId],
    );
    return rows.map(({ data_class: dataClass, count, ...row }) => ({ ...row, dataClass, count: Number(count) }));
  }

  /** What became of it. */
  async settled(orderId: string): Promise<{ readonly outcome: OrderOutcome; readonly certificate?: string } | undefined> {
    const { rows } = await this.pool.query<{ outcome: OrderOutcome | null; certificate: string | null }>('SELECT outcome, certificate FROM deletion_orders WHERE order_id = $1', [orderId]);
    const { outcome, certificate } = rows[0] ?? {};
    return outcome == null ? undefined : { outcome, ...(certificate == null ? {} : { certificate }) };
  }

  /** Types whose orders nobody fetches, by how long the oldest has waited. */
  async unfetchedSince(limit: number): Promise<{ readonly type: string; readonly since: Date }[]> {
    const { rows } = await this.pool.query<{ type: string; since: Date }>(
      `SELECT type, min(ordered_at) AS since FROM deletion_orders WHERE state = 'open' AND fetched_at IS NULL AND starts_with(holder, 'reported.') GROUP BY type ORDER BY since LIMIT $1`,
      [limit],
    );
    return rows;
  }

  /** How many are open that are sent to their holders, and since when. */
  async waiting(): Promise<{ readonly count: number; readonly since: Date | undefined }> {
    const { rows } = await this.pool.query<{ count: string; since: Date | null }>(`SELECT count(*), min(ordered_at) AS since FROM deletion_orders WHERE state = 'open' AND NOT starts_with(holder, 'reported.')`);
    return { count: Number(rows[0]!.count), since: rows[0]!.since ?? undefined };
  }
}

/** Of one that was fetched the time of its holder counts. */
function openOf({ holder, data_class: dataClass, request, resources, rule, fetched_until: until, request_id, received_at }: OrderRow): OpenOrder {
  const order = until === null ? request : { ...request, expiresAt: until.toISOString() };
  return { order, holder, dataClass, resources, rule, ...(request_id === null || received_at === null ? {} : { erasure: { id: request_id, atMs: received_at.getTime() } }) };
}

export async function insertOrder(client: PoolClient, { order, holder, dataClass, resources, rule, erasure }: OpenOrder): Promise<void> {
  await client.query(
    `INSERT INTO deletion_orders (order_id, tenant, holder, type, data_class, state, request, resources, rule, ordered_at, request_id) VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10)`,
    [order.orderId, order.tenant, holder, order.type, dataClass, order, JSON.stringify(resources), rule, order.orderedAt, erasure?.id ?? null],
  );
}

export async function settleOrder(client: PoolClient, orderId: string, state: OrderOutcome['state'] | 'refused', outcome: OrderOutcome | undefined, certificate: string | undefined): Promise<void> {
  await client.query('UPDATE deletion_orders SET state = $2, settled_at = now(), outcome = $3, certificate = $4 WHERE order_id = $1', [orderId, state, outcome ?? null, certificate ?? null]);
}

import type { Event } from '@countersign/chain';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { Ledger } from '../append/head.js';

/** A statement that was made, or is about to be, and the ledger that makes it. */
export interface KeptStatement {
  readonly ledger: Ledger;
  readonly event: Event;
}

interface Row {
  readonly ledger_id: number;
  readonly tenant: string;
  readonly origin: string;
  readonly event: Event;
}

const PAGE = 100;

/** Statements under way, in the table `part_statements`, as the eraser. */
export class StatementRows {
  constructor(private readonly eraser: Pool) {}

  /** Kept when this resolves, before anything of it is sent. Of the same order the first counts for ever, and is returned. */
  async keep(orderId: string, { ledger, event }: KeptStatement, expiresAt: string): Promise<KeptStatement> {
    await this.eraser.query('INSERT INTO part_statements (order_id, ledger_id, event, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [orderId, ledger.ledgerId, JSON.stringify(event), expiresAt]);
    // Gone again: the order was called back and settled meanwhile, and what is sent now is settled when it finds that out.
    return (await this.find(orderId)) ?? { ledger, event };
  }

  async find(orderId: string): Promise<KeptStatement | undefined> {
    const { rows } = await this.eraser.query<Row>('SELECT ledger_id, tenant, origin, event FROM part_statements JOIN ledgers USING (ledger_id) WHERE order_id = $1', [orderId]);
    return rows.map(({ ledger_id: ledgerId, tenant, origin, event }) => ({ ledger: { ledgerId, tenant, origin }, event }))[0];
  }

  /** To be called in the transaction that carries the order out, or when it is taken back. */
  async forget(orderId: string, queryable: Pick<Pool | PoolClient, 'query'> = this.eraser): Promise<void> {
    await (queryable as Pool).query('DELETE FROM part_statements WHERE order_id = $1', [orderId]);
  }

  /** Orders that are settled, or whose time is over without anybody having said what became of them, behind `after`. */
  async overdue(after: string): Promise<string[]> {
    const { rows } = await this.eraser.query<{ order_id: string }>(
      `SELECT order_id FROM part_statements s LEFT JOIN retention_orders o USING (order_id)
       WHERE order_id > $1 AND (o.state IS NOT NULL OR s.expires_at < clock_timestamp()) ORDER BY order_id LIMIT $2`,
      [after, PAGE],
    );
    return rows.map(({ order_id: orderId }) => orderId);
  }
}

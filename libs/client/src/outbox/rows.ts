import type { Receipt } from '@countersign/chain';
import type { createPool } from '@countersign/postgres';
import type { Refusal } from '@countersign/contracts';
import { withPersonal, type OutboxCipher } from './personal.js';

export type Pool = ReturnType<typeof createPool>;

export interface OutboxRow {
  readonly position: number;
  readonly tenant: string;
  readonly id: string;
  readonly event: string;
  /** Of the trace that it happened in, if that is recorded. */
  readonly traceparent?: string | undefined;
}

export interface SettledRow {
  readonly position: number;
  readonly receipt: Receipt;
}

export interface RefusedRow {
  readonly position: number;
  readonly refusal: Refusal;
}

/** What a relay reads and marks: the durable copy of events that wait for their receipts. */
export interface RelayRows {
  /** Rows after `position` that have neither receipt nor refusal, oldest first, at most `limit`. */
  unsettled(position: number, limit: number): Promise<readonly OutboxRow[]>;
  /** Durable on return. Doing it again changes nothing. */
  settle(settled: readonly SettledRow[]): Promise<void>;
  /** Durable on return. A refused row stays until somebody looks at it. */
  refuse(refused: readonly RefusedRow[]): Promise<void>;
}

/** The outbox's rows of one source. */
export class OutboxRows implements RelayRows {
  readonly #table: string;

  constructor(
    readonly pool: Pool,
    schema: string,
    readonly source: string,
    readonly keepReceipts: boolean,
    readonly cipher: OutboxCipher | undefined,
  ) {
    this.#table = `${schema}.event_outbox`;
  }

  async unsettled(position: number, limit: number): Promise<OutboxRow[]> {
    const { rows } = await this.pool.query<{ position: string; tenant: string; event_id: string; event: string; personal: string | null; traceparent: string | null }>(
      `SELECT position, tenant, event_id, event, personal, traceparent FROM ${this.#table}
       WHERE source = $1 AND position > $2 AND receipt IS NULL AND refused_code IS NULL
       ORDER BY position LIMIT $3`,
      [this.source, position, limit],
    );
    const found: OutboxRow[] = [];
    for (const { position, tenant, event_id: id, event, personal, traceparent } of rows) {
      found.push({ position: Number(position), tenant, id, event: await withPersonal({ tenant, id, event }, personal, this.cipher), traceparent: traceparent ?? undefined });
    }
    return found;
  }

  async settle(settled: readonly SettledRow[]): Promise<void> {
    const positions = settled.map(({ position }) => position);
    if (!this.keepReceipts) {
      await this.pool.query(`DELETE FROM ${this.#table} WHERE source = $1 AND position = ANY ($2::bigint[])`, [this.source, positions]);
      return;
    }
    const receipts = settled.map(({ receipt }) => JSON.stringify(receipt));
    await this.pool.query(
      `UPDATE ${this.#table} AS o SET receipt = s.receipt, personal = NULL FROM unnest($2::bigint[], $3::jsonb[]) AS s (position, receipt)
       WHERE o.source = $1 AND o.position = s.position`,
      [this.source, positions, receipts],
    );
  }

  async refuse(refused: readonly RefusedRow[]): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#table} AS o SET refused_code = s.code, refused_field = s.field, refused_message = s.message
       FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) AS s (position, code, field, message)
       WHERE o.source = $1 AND o.position = s.position AND o.receipt IS NULL`,
      [
        this.source,
        refused.map(({ position }) => position),
        refused.map(({ refusal }) => refusal.code),
        refused.map(({ refusal }) => refusal.field ?? null),
        refused.map(({ refusal }) => refusal.message),
      ],
    );
  }

  /** Rows without receipt or refusal, and the age of the oldest. */
  async backlog(): Promise<{ readonly rows: number; readonly oldestAgeSeconds: number }> {
    const { rows } = await this.pool.query<{ rows: string; age: string | null }>(
      `SELECT count(*) AS rows, extract(epoch FROM clock_timestamp() - min(enqueued_at)) AS age FROM ${this.#table}
       WHERE source = $1 AND receipt IS NULL AND refused_code IS NULL`,
      [this.source],
    );
    return { rows: Number(rows[0]?.rows), oldestAgeSeconds: Number(rows[0]?.age ?? 0) };
  }
}

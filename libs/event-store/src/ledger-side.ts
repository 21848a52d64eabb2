import type { Pool } from '@countersign/postgres';

export interface LedgerReceipt {
  readonly index: number;
  readonly eventHash: string;
  readonly recordedAt: string;
}

export interface RefusedEvent {
  readonly eventId: string;
  readonly tenant: string;
  readonly stream: string;
  readonly version: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly message: string;
}

export interface Unreceipted {
  /** Events without a receipt, refused ones included. */
  readonly count: number;
  /** Of `count`: refused, and not sent again. Anything above 0 needs somebody to look. */
  readonly refused: number;
  readonly oldest: { readonly eventId: string; readonly ageMs: number } | undefined;
}

/** What the ledger has answered about the stored events. */
export class LedgerSide {
  constructor(
    readonly pool: Pool,
    readonly schema: string,
  ) {}

  /** Undefined while the event has no receipt. */
  async receipt(eventId: string): Promise<LedgerReceipt | undefined> {
    const { rows } = await this.pool.query<{ ledger_index: string; event_hash: string; recorded_at: string }>(
      `SELECT ledger_index, event_hash, recorded_at FROM ${this.schema}.event_relay WHERE event_id = $1 AND ledger_index IS NOT NULL`,
      [eventId],
    );
    const [row] = rows;
    return row && { index: Number(row.ledger_index), eventHash: row.event_hash, recordedAt: row.recorded_at };
  }

  /** Refused events, oldest first, at most `limit`. */
  async refusals(limit = 100): Promise<RefusedEvent[]> {
    const { rows } = await this.pool.query<Omit<RefusedEvent, 'version' | 'field'> & { version: string; field: string | null }>(
      `SELECT event_id AS "eventId", e.tenant, e.stream, e.version, r.refused_code AS code, r.refused_field AS field, r.refused_message AS message
       FROM ${this.schema}.event_relay AS r JOIN ${this.schema}.events AS e USING (event_id)
       WHERE r.ledger_index IS NULL AND r.refused_code IS NOT NULL ORDER BY r.added LIMIT $1`,
      [limit],
    );
    return rows.map((row) => ({ ...row, version: Number(row.version), field: row.field ?? undefined }));
  }

  /** Events that were appended at least this long ago, by the database's clock, and have no receipt. */
  async unreceipted(olderThanMs: number): Promise<Unreceipted> {
    const { rows } = await this.pool.query<{ event_id: string; age_ms: string; count: string; refused: string }>(
      `SELECT event_id, extract(epoch FROM clock_timestamp() - appended_at) * 1000 AS age_ms, count(*) OVER () AS count, count(refused_code) OVER () AS refused
       FROM ${this.schema}.event_relay
       WHERE ledger_index IS NULL AND appended_at <= clock_timestamp() - $1 * interval '1 millisecond' ORDER BY added LIMIT 1`,
      [olderThanMs],
    );
    const [row] = rows;
    if (row === undefined) return { count: 0, refused: 0, oldest: undefined };
    return { count: Number(row.count), refused: Number(row.refused), oldest: { eventId: row.event_id, ageMs: Number(row.age_ms) } };
  }
}

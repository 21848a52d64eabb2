import type { JsonObject } from '@countersign/chain';
import type { Log, OutboxRow, RefusedRow, RelayRows, SettledRow } from '@countersign/client';
import { withTransaction, type Pool } from '@countersign/postgres';
import { EventStoreFault } from './fault.js';
import { ERASED_DATA, type OpenedPart, type Personal } from './personal.js';
import type { EventRow } from './recorded-event.js';

interface UnsentRow extends EventRow {
  readonly position: string;
  readonly producer_id: string;
  readonly sequence: string;
  readonly traceparent: string | null;
}

/** The event store's tables as the relay sees them. Personal parts are opened here, in memory, and nowhere stored. */
export class EventRelayRows implements RelayRows {
  constructor(
    readonly pool: Pool,
    readonly schema: string,
    readonly source: string,
    readonly personal: Personal,
    readonly log: Log | undefined,
  ) {}

  /**
   * Rejects while the cipher does not answer: the relay tries again, and what is unsent waits in its order. A row that
   * somebody has changed, or with a part that will never open though its subject is not erased, is refused here: it is
   * seen, and nothing waits behind it.
   */
  async unsettled(position: number, limit: number): Promise<OutboxRow[]> {
    await this.#number(limit);
    const { rows } = await this.pool.query<UnsentRow>(
      `SELECT r.position, e.tenant, e.event_id, e.event, e.personal, r.producer_id, r.sequence, r.traceparent
       FROM ${this.schema}.event_relay AS r JOIN ${this.schema}.events AS e USING (event_id)
       WHERE r.position > $1 AND r.ledger_index IS NULL AND r.refused_code IS NULL ORDER BY r.position LIMIT $2`,
      [position, limit],
    );
    const opened = await this.personal.open(rows.map((row) => ({ id: row.event_id, tenant: row.tenant, personal: row.personal ?? [] })));
    const unsent: OutboxRow[] = [];
    const unfit: RefusedRow[] = [];
    rows.forEach((row, at) => {
      const place = { tenant: row.tenant, id: row.event_id };
      const position = Number(row.position);
      const parts = opened[at]!;
      if (!saysItsRow(row)) unfit.push({ position, refusal: { ...place, code: 'STREAM_DAMAGED', message: 'the stored event is not the one that was appended' } });
      else if ('fault' in parts) unfit.push({ position, refusal: { ...place, code: 'PERSONAL_UNREADABLE', field: 'personal', message: parts.fault } });
      else unsent.push({ ...place, position, event: ledgerEvent(row, parts), traceparent: row.traceparent ?? undefined });
    });
    if (unfit.length > 0) await this.#refuseHere(unfit);
    return unsent;
  }

  async settle(settled: readonly SettledRow[]): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.schema}.event_relay AS r SET ledger_index = s.index, event_hash = s.hash, recorded_at = s.at
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS s (position, index, hash, at)
       WHERE r.position = s.position AND r.ledger_index IS NULL`,
      [
        settled.map(({ position }) => position),
        settled.map(({ receipt }) => receipt.index),
        settled.map(({ receipt }) => receipt.eventHash),
        settled.map(({ receipt }) => receipt.recordedAt),
      ],
    );
  }

  async refuse(refused: readonly RefusedRow[]): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.schema}.event_relay AS r SET refused_code = s.code, refused_field = s.field, refused_message = s.message
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS s (position, code, field, message)
       WHERE r.position = s.position AND r.ledger_index IS NULL`,
      [
        refused.map(({ position }) => position),
        refused.map(({ refusal }) => refusal.code),
        refused.map(({ refusal }) => refusal.field ?? null),
        refused.map(({ refusal }) => refusal.message),
      ],
    );
  }

  /**
   * Gives events their place in the order of sending and the producer's numbers: durable before anything is sent, so
   * that an event that is lost from here on is missing in the ledger's list of numbers. Not when they are appended: one
   * counter for all would make their transactions commit one after the other.
   */
  async #number(limit: number): Promise<void> {
    const { rows } = await this.pool.query(`SELECT FROM ${this.schema}.event_relay WHERE position IS NULL AND ledger_index IS NULL LIMIT 1`);
    if (rows.length === 0) return;
    await withTransaction(this.pool, async (client) => {
      // First, and in a statement of its own: what follows must see all that another relay has numbered.
      const locked = await client.query(`SELECT FROM ${this.schema}.event_producer WHERE source = $1 FOR UPDATE`, [this.source]);
      if (locked.rowCount !== 1) throw new EventStoreFault('OPTION_INVALID', 'the schema belongs to another source', 'source');
      await client.query(
        `WITH fresh AS (
           SELECT event_id, row_number() OVER (ORDER BY added) AS at FROM ${this.schema}.event_relay
           WHERE position IS NULL AND ledger_index IS NULL ORDER BY added LIMIT $1
         ), producer AS (
           UPDATE ${this.schema}.event_producer SET position = position + n, sequence = sequence + n FROM (SELECT count(*) AS n FROM fresh) AS c
           RETURNING producer_id, position - n AS position, sequence - n AS sequence
         )
         UPDATE ${this.schema}.event_relay AS r SET position = p.position + f.at, producer_id = p.producer_id, sequence = p.sequence + f.at
         FROM fresh AS f, producer AS p WHERE r.event_id = f.event_id`,
        [limit],
      );
    });
  }

  async #refuseHere(unfit: readonly RefusedRow[]): Promise<void> {
    for (const { refusal } of unfit) this.log?.error({ eventId: refusal.id, tenant: refusal.tenant, code: refusal.code }, 'event not sent: it cannot be read');
    await this.refuse(unfit);
  }
}

/** What is no JSON would spoil the message of all that are sent with it; what has another id would never be answered. */
function saysItsRow(row: UnsentRow): boolean {
  try {
    const { id, tenant } = JSON.parse(row.event) as { id?: unknown; tenant?: unknown };
    return id === row.event_id && tenant === row.tenant;
  } catch {
    return false;
  }
}

/** The JSON that is sent: the stored event with its parts opened, and its number. */
function ledgerEvent(row: UnsentRow, parts: readonly OpenedPart[]): string {
  const personal = parts.map((part): { data: JsonObject; subject: string } => ({ data: 'data' in part ? part.data : ERASED_DATA, subject: part.subject }));
  const producer = { id: row.producer_id, sequence: Number(row.sequence) };
  const added = JSON.stringify(personal.length === 0 ? { producer } : { personal, producer });
  return `${row.event.slice(0, -1)},${added.slice(1)}`;
}

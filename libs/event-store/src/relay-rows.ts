import type { JsonObject } from '@countersign/chain';
import type { Log, OutboxRow, RefusedRow, RelayRows, SettledRow } from '@countersign/client';
import type { Pool } from '@countersign/postgres';
import { ERASED_DATA, type OpenedPart, type Personal } from './personal.js';
import type { EventRow } from './recorded-event.js';

interface UnsentRow extends EventRow {
  readonly position: string;
  readonly producer_id: string;
  readonly sequence: string;
}

/** The event store's tables as the relay sees them. Personal parts are opened here, in memory, and nowhere stored. */
export class EventRelayRows implements RelayRows {
  constructor(
    readonly pool: Pool,
    readonly schema: string,
    readonly personal: Personal,
    readonly log: Log | undefined,
  ) {}

  /**
   * Rejects while the cipher does not answer: the relay tries again, and what is unsent waits in its order. An event
   * with a part that will never open, though its subject is not erased, is refused here, so that it is seen and nothing
   * waits behind it.
   */
  async unsettled(position: number, limit: number): Promise<OutboxRow[]> {
    const { rows } = await this.pool.query<UnsentRow>(
      `SELECT r.position, e.tenant, e.event_id, e.event, e.personal, r.producer_id, r.sequence
       FROM ${this.schema}.event_relay AS r JOIN ${this.schema}.events AS e USING (event_id)
       WHERE r.position > $1 AND r.ledger_index IS NULL AND r.refused_code IS NULL ORDER BY r.position LIMIT $2`,
      [position, limit],
    );
    const opened = await this.personal.open(rows.map((row) => ({ id: row.event_id, tenant: row.tenant, personal: row.personal ?? [] })));
    const unsent: OutboxRow[] = [];
    const unreadable: RefusedRow[] = [];
    rows.forEach((row, at) => {
      const parts = opened[at]!;
      const place = { position: Number(row.position), tenant: row.tenant, id: row.event_id };
      if (!('fault' in parts)) unsent.push({ ...place, event: ledgerEvent(row, parts) });
      else unreadable.push({ position: place.position, refusal: { ...place, code: 'PERSONAL_UNREADABLE', field: 'personal', message: parts.fault } });
    });
    if (unreadable.length > 0) await this.#refuseHere(unreadable);
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

  async #refuseHere(unreadable: readonly RefusedRow[]): Promise<void> {
    for (const { refusal } of unreadable) this.log?.error({ eventId: refusal.id, tenant: refusal.tenant, code: refusal.code }, 'event not sent: a personal part does not open');
    await this.refuse(unreadable);
  }
}

/** The JSON that is sent: the stored event with its parts opened, and its number. */
function ledgerEvent(row: UnsentRow, parts: readonly OpenedPart[]): string {
  const personal = parts.map((part): { data: JsonObject; subject: string } => ({ data: 'data' in part ? part.data : ERASED_DATA, subject: part.subject }));
  const producer = { id: row.producer_id, sequence: Number(row.sequence) };
  const added = JSON.stringify(personal.length === 0 ? { producer } : { personal, producer });
  return `${row.event.slice(0, -1)},${added.slice(1)}`;
}

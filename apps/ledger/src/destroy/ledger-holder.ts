import type { HeldOrder, HeldResource, HolderArgs, HolderResult } from '@countersign/contracts';
import type { Carried, Holder } from '@countersign/holder';
import type { PoolClient } from '@countersign/postgres';
import type pg from 'pg';
import { PARTS_TYPE, type PartsHolder, type PreparedParts } from './parts-holder.js';

export const QUARANTINE_TYPE = 'quarantined-event';

/** What belongs to no ledger belongs to the installation. */
const TENANT_SQL = `(CASE WHEN tenant ~ '^[a-z0-9-]{1,63}$' THEN tenant ELSE 'system' END)`;

/** What the ledger holds: parts of audit events, and events that it has refused. */
export class LedgerHolder implements Holder {
  readonly types = { [PARTS_TYPE]: ['delete'], [QUARANTINE_TYPE]: ['delete'] } as const;

  constructor(
    private readonly parts: PartsHolder,
    private readonly reader: pg.Pool,
  ) {}

  list(request: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>> {
    return request.type === PARTS_TYPE ? this.parts.list(request) : this.#quarantine(request);
  }

  async prepare(order: HeldOrder): Promise<PreparedParts | undefined> {
    return order.type === PARTS_TYPE ? this.parts.prepare(order) : undefined;
  }

  async carryOut(client: PoolClient, order: HeldOrder, prepared: unknown): Promise<Carried> {
    if (prepared !== undefined) return this.parts.carryOut(client, order, prepared as PreparedParts);
    const { rows } = await client.query<{ quarantine_id: string }>(`DELETE FROM quarantine WHERE quarantine_id = ANY($1::bigint[]) AND ${TENANT_SQL} = $2 RETURNING quarantine_id`, [
      order.resources.filter((id) => /^\d{1,18}$/.test(id)),
      order.tenant,
    ]);
    return { done: rows.map((row) => row.quarantine_id).sort() };
  }

  async #quarantine({ after, limit }: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>> {
    const { rows } = await this.reader.query<{ quarantine_id: string; tenant: string; received_at: Date }>(
      `SELECT quarantine_id, ${TENANT_SQL} AS tenant, received_at FROM quarantine WHERE quarantine_id > $1 ORDER BY quarantine_id LIMIT $2`,
      [after !== undefined && /^\d{1,18}$/.test(after) ? after : 0, limit],
    );
    const resources = rows.map((row): HeldResource => ({ type: QUARANTINE_TYPE, id: row.quarantine_id, tenant: row.tenant, class: 'operational', created: row.received_at.toISOString() }));
    return rows.length < limit ? { resources } : { resources, next: rows.at(-1)!.quarantine_id };
  }
}

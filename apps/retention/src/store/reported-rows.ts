import { HELD_PAGE_MAX, REPORTED_MAX, type DataClass, type HeldResource, type ReportedResource } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import { RetentionFault } from '../domain/retention-fault.js';
import { lockType } from './type-rows.js';

interface ReportedRow {
  readonly type: string;
  readonly tenant: string;
  readonly holder: string;
  readonly id: string;
  readonly data_class: DataClass;
  readonly subject: string | null;
  readonly created_at: Date;
  readonly closed_at: Date | null;
  readonly last_used_at: Date | null;
  readonly order_id: string | null;
}

const SQL = 'SELECT r.type, t.tenant, t.holder, r.id, r.data_class, r.subject, r.created_at, r.closed_at, r.last_used_at, r.order_id FROM reported_resources r JOIN resource_types t USING (type)';

/** Resources that an order was to name have gone, or are in another one, since they were read. */
export class ResourcesMoved extends Error {
  override readonly name = 'ResourcesMoved';
}

/** One that is known, and whether an open order names it. */
export interface KnownResource {
  readonly resource: HeldResource;
  readonly holder: string;
  readonly orderId: string | undefined;
}

/** What services have reported. */
export class ReportedRows {
  constructor(readonly pool: Pool) {}

  /** Those that no open order names, in the order of their ids. */
  async list(type: string, after: string | undefined, limit: number): Promise<{ readonly resources: HeldResource[]; readonly next?: string }> {
    const { rows } = await this.pool.query<ReportedRow>(`${SQL} WHERE r.type = $1 AND ($2::text IS NULL OR r.id > $2) AND r.order_id IS NULL ORDER BY r.id LIMIT $3`, [type, after ?? null, limit]);
    return { resources: rows.map(resourceOf), ...(rows.length < limit ? {} : { next: rows.at(-1)!.id }) };
  }

  /** Of these ids those that are known. */
  async known(type: string, ids: readonly string[]): Promise<HeldResource[]> {
    return (await this.pool.query<ReportedRow>(`${SQL} WHERE r.type = $1 AND r.id = ANY ($2)`, [type, ids])).rows.map(resourceOf);
  }

  /** Everything about somebody, of registered types; `anywhere`: whosever it is. */
  async *of(subject: string, tenants: readonly string[], anywhere: boolean): AsyncGenerator<KnownResource> {
    for (let after: readonly [string, string] = ['', '']; ; ) {
      const { rows } = await this.pool.query<ReportedRow>(
        `${SQL} WHERE r.subject = $1 AND ($2 OR t.tenant = ANY ($3)) AND t.withdrawn_at IS NULL AND (r.type, r.id) > ($4, $5) ORDER BY r.type, r.id LIMIT $6`,
        [subject, anywhere, tenants, ...after, HELD_PAGE_MAX],
      );
      for (const row of rows) yield { resource: resourceOf(row), holder: row.holder, orderId: row.order_id ?? undefined };
      const last = rows.at(-1);
      if (last === undefined || rows.length < HELD_PAGE_MAX) return;
      after = [last.type, last.id];
    }
  }
}

function resourceOf({ type, tenant, id, data_class, subject, created_at, closed_at, last_used_at }: ReportedRow): HeldResource {
  return {
    type, id, tenant,
    class: data_class,
    ...(subject === null ? {} : { subject }),
    created: created_at.toISOString(),
    ...(closed_at === null ? {} : { closed: closed_at.toISOString() }),
    ...(last_used_at === null ? {} : { lastUsed: last_used_at.toISOString() }),
  };
}

export interface Report {
  readonly resources: readonly ReportedResource[];
  readonly removed: readonly string[];
}

/** Throws TYPE_UNKNOWN, CLASS_NOT_OF_TYPE, RESOURCES_TOO_MANY. */
export async function storeReport(client: PoolClient, tenant: string, type: string, { resources, removed }: Report): Promise<void> {
  const { way, classes, resources: before } = await lockType(client, tenant, type);
  if (way !== 'http') throw new RetentionFault('TYPE_UNKNOWN', 'its holder is asked over NATS, and nothing of it is reported', { field: 'type' });
  const odd = resources.find((resource) => !classes.includes(resource.class));
  if (odd !== undefined) throw new RetentionFault('CLASS_NOT_OF_TYPE', `the type holds nothing of the class ${odd.class}`, { field: 'resources' });
  const { rows } = await client.query<{ inserted: boolean }>(
    `INSERT INTO reported_resources AS r (type, id, data_class, subject, created_at, closed_at, last_used_at)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
     ON CONFLICT (type, id) DO UPDATE SET (data_class, subject, created_at, closed_at, last_used_at) = ROW (excluded.data_class, excluded.subject, excluded.created_at, excluded.closed_at, excluded.last_used_at)
     RETURNING (xmax = 0) AS inserted`,
    [type, resources.map(({ id }) => id), resources.map((one) => one.class), resources.map(({ subject }) => subject ?? null), resources.map(({ created }) => created), resources.map(({ closed }) => closed ?? null), resources.map(({ lastUsed }) => lastUsed ?? null)],
  );
  const added = rows.filter(({ inserted }) => inserted).length - (await remove(client, type, removed));
  if (added > 0 && before + added > REPORTED_MAX) throw new RetentionFault('RESOURCES_TOO_MANY', `${REPORTED_MAX} resources of one type are known at most`);
  await count(client, type, added);
}

/** Puts resources into an order, in which each is alone. Throws TYPE_UNKNOWN, ResourcesMoved. */
export async function claimResources(client: PoolClient, tenant: string, type: string, orderId: string, ids: readonly string[]): Promise<void> {
  await lockType(client, tenant, type);
  const { rowCount } = await client.query('UPDATE reported_resources SET order_id = $3 WHERE type = $1 AND id = ANY ($2) AND order_id IS NULL', [type, ids, orderId]);
  if (rowCount !== ids.length) throw new ResourcesMoved('what was to be ordered is not there as it was');
}

/** The order is over: what is gone by it is known no more, and the rest may be ordered again. */
export async function freeResources(client: PoolClient, type: string, orderId: string, gone: readonly string[]): Promise<void> {
  // Withdrawn or not: whoever else changes rows of the type waits.
  await client.query('SELECT FROM resource_types WHERE type = $1 FOR UPDATE', [type]);
  await count(client, type, -(await remove(client, type, gone)));
  await client.query('UPDATE reported_resources SET order_id = NULL WHERE order_id = $1', [orderId]);
}

async function remove(client: PoolClient, type: string, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  return (await client.query('DELETE FROM reported_resources WHERE type = $1 AND id = ANY ($2)', [type, ids])).rowCount ?? 0;
}

async function count(client: PoolClient, type: string, added: number): Promise<void> {
  if (added !== 0) await client.query('UPDATE resource_types SET resources = resources + $2 WHERE type = $1', [type, added]);
}

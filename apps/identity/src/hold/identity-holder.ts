import type { HeldOrder, HeldResource, HolderArgs, HolderResult } from '@countersign/contracts';
import type { Carried, Holder } from '@countersign/holder';
import type { Pool, PoolClient } from '@countersign/postgres';
import { HELD_TABLES, type HeldTable } from './held-tables.js';

interface HeldRow {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string | null;
  readonly created: Date;
  readonly closed: Date | null;
  readonly last_used: Date | null;
}

/** Sessions, devices, API keys and invitations that have ended. What is in use never goes. */
export class IdentityHolder implements Holder {
  readonly types = Object.fromEntries(Object.keys(HELD_TABLES).map((type) => [type, ['delete'] as const]));

  constructor(
    private readonly pool: Pool,
    private readonly homeOrganization: string,
  ) {}

  async list({ type, after, limit }: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>> {
    const table = HELD_TABLES[type]!;
    const { key } = table;
    const place = after === undefined ? [] : after.split(':');
    const behind = place.length === key.length ? `AND (${key.join(', ')}) > (${place.map((_, at) => `$${at + 2}::text`).join(', ')})` : '';
    const values = behind === '' ? [] : place;
    // `$1` is named in any case: PostgreSQL wants to know the type of every parameter.
    const { rows } = await this.pool.query<HeldRow>(
      `SELECT ${idSql(table)} AS id, ${table.tenant} AS tenant, ${table.subject} AS subject, ${table.created} AS created, ${table.closed} AS closed, ${table.lastUsed} AS last_used
       FROM ${table.from} WHERE $1::text IS NOT NULL ${behind} ORDER BY ${key.join(', ')} LIMIT ${limit}`,
      [this.homeOrganization, ...values],
    );
    const resources = rows.map((row): HeldResource => ({
      type, id: row.id, tenant: row.tenant, class: table.dataClass,
      ...(row.subject === null ? {} : { subject: row.subject }),
      created: row.created.toISOString(),
      ...(row.closed === null ? {} : { closed: row.closed.toISOString() }),
      ...(row.last_used === null ? {} : { lastUsed: row.last_used.toISOString() }),
    }));
    return rows.length < limit ? { resources } : { resources, next: rows.at(-1)!.id };
  }

  async carryOut(client: PoolClient, { type, tenant, resources, orderedAt }: HeldOrder): Promise<Carried> {
    const table = HELD_TABLES[type]!;
    const { rows } = await client.query<{ id: string }>(
      `DELETE FROM ${table.deleteFrom} USING ${table.using} AND $1::text IS NOT NULL AND ${idSql(table)} = ANY($2::text[]) AND ${table.tenant} = $3 AND ${table.closed} IS NOT NULL
         AND coalesce(${table.lastUsed}, ${table.created}) <= $4::timestamptz RETURNING ${idSql(table)} AS id`,
      // What was used since it was judged was judged by what is no longer so.
      [this.homeOrganization, resources, tenant, orderedAt],
    );
    return { done: rows.map(({ id }) => id).sort() };
  }
}

const idSql = ({ key }: HeldTable): string => key.join(` || ':' || `);

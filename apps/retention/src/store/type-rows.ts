import { TYPES_MAX, type DataClass, type DeletionAction, type RegisteredTypeView, type TypeWay } from '@countersign/contracts';
import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { ClockStart } from '@countersign/retention-rules';
import { RetentionFault } from '../domain/retention-fault.js';
import { BUILT_IN_TYPES, ORDER_MAX, type RegisteredType } from '../types/built-in-types.js';
import { holderOf } from '../types/holder-names.js';

interface TypeRow {
  readonly type: string;
  readonly tenant: string;
  readonly service: string;
  readonly way: TypeWay;
  readonly holder: string;
  readonly clock: ClockStart;
  readonly actions: readonly DeletionAction[];
  readonly classes: readonly DataClass[];
  readonly order_max: number;
  readonly resources: string;
  readonly registered_at: Date;
  readonly withdrawn_at: Date | null;
}

const COLUMNS = 'type, tenant, service, way, holder, clock, actions, classes, order_max, resources, registered_at, withdrawn_at';

/** A type that somebody has registered, and whose it is. */
export type CustomType = RegisteredType & { readonly tenant: string; readonly way: TypeWay; readonly resources: number };

/** A service on NATS that is asked about persons. */
export interface AnsweringService {
  readonly tenant: string;
  readonly holder: string;
  readonly types: readonly string[];
}

/** Registered types as they are now. */
export class TypeRows {
  constructor(readonly pool: Pool) {}

  /** What is judged and swept: the platform's own, and what is registered. */
  async all(): Promise<RegisteredType[]> {
    const { rows } = await this.pool.query<TypeRow>(`SELECT ${COLUMNS} FROM resource_types WHERE withdrawn_at IS NULL ORDER BY type`);
    return [...BUILT_IN_TYPES, ...rows.map(typeOf)];
  }

  /** One that is registered. A name says itself whose it is, so another tenant's is as unknown as one that never was. */
  async find(tenant: string, type: string): Promise<CustomType | undefined> {
    const { rows } = await this.pool.query<TypeRow>(`SELECT ${COLUMNS} FROM resource_types WHERE tenant = $1 AND type = $2 AND withdrawn_at IS NULL`, [tenant, type]);
    return rows[0] && typeOf(rows[0]);
  }

  /** Of the platform, or registered for the tenant. */
  async known(tenant: string, type: string): Promise<RegisteredType | undefined> {
    return BUILT_IN_TYPES.find((one) => one.type === type) ?? this.find(tenant, type);
  }

  /** Services of these tenants that answer for persons, and of what types. */
  async answeringPersons(tenants: readonly string[]): Promise<AnsweringService[]> {
    const { rows } = await this.pool.query<AnsweringService>(
      `SELECT tenant, holder, array_agg(type) AS types FROM resource_types WHERE tenant = ANY ($1) AND answers_persons AND withdrawn_at IS NULL GROUP BY tenant, holder ORDER BY holder`,
      [tenants],
    );
    return rows;
  }

  async list(tenant: string): Promise<RegisteredTypeView[]> {
    const { rows } = await this.pool.query<TypeRow & { unfetched: string; since: Date | null }>(
      `SELECT ${COLUMNS}, waiting.unfetched, waiting.since FROM resource_types
       LEFT JOIN LATERAL (SELECT count(*) AS unfetched, min(ordered_at) AS since FROM deletion_orders o WHERE o.type = resource_types.type AND o.state = 'open' AND o.fetched_at IS NULL AND way = 'http') waiting ON true
       WHERE tenant = $1 ORDER BY type LIMIT $2`,
      [tenant, TYPES_MAX],
    );
    return rows.map(({ type, service, way, clock, actions, classes, resources, registered_at, withdrawn_at, unfetched, since }) => ({
      type, service, way, clock,
      actions: [...actions],
      classes: [...classes],
      state: withdrawn_at === null ? 'registered' : 'withdrawn',
      changedAt: (withdrawn_at ?? registered_at).toISOString(),
      resources: Number(resources),
      unfetched: Number(unfetched),
      ...(since === null ? {} : { unfetchedSince: since.toISOString() }),
    }));
  }
}

const typeOf = ({ type, tenant, way, holder, clock, actions, classes, order_max: orderMax, resources }: TypeRow): CustomType => ({ type, tenant, way, holder, clock, actions, classes, orderMax, isRange: false, resources: Number(resources) });

/** "type", in retention's own database. */
const TYPES_LOCK = 0x74_79_70_65;

/** Brings the table to what the events say. Throws TYPES_TOO_MANY. */
export async function projectType(client: PoolClient, tenant: string, type: string, events: readonly RecordedEvent[], now: Date): Promise<void> {
  for (const { type: event, data = {} } of events) {
    if (event === 'retention.type.withdrawn') {
      await client.query('UPDATE resource_types SET withdrawn_at = $2 WHERE type = $1', [type, now]);
      continue;
    }
    const { service, way, clock, actions, classes, persons = false } = data as unknown as Omit<TypeRow, 'type'> & { readonly persons?: true };
    // One after the other: of two at once neither would count the other one's.
    await client.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [TYPES_LOCK, tenant]);
    const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM resource_types WHERE tenant = $1 AND type <> $2', [tenant, type]);
    if (Number(rows[0]!.count) >= TYPES_MAX) throw new RetentionFault('TYPES_TOO_MANY', `${TYPES_MAX} types are registered already`);
    await client.query(
      `INSERT INTO resource_types (type, tenant, service, way, holder, clock, actions, classes, order_max, registered_at, answers_persons) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
       ON CONFLICT (type) DO UPDATE SET (clock, actions, classes, registered_at, answers_persons, withdrawn_at) = ROW (excluded.clock, excluded.actions, excluded.classes, excluded.registered_at, excluded.answers_persons, NULL)`,
      [type, tenant, service, way, holderOf(way, tenant, service), clock, actions, classes, ORDER_MAX[way], now, persons],
    );
  }
}

/** Before anything of the type is changed: others wait until the end of the transaction. Throws TYPE_UNKNOWN. */
export async function lockType(client: PoolClient, tenant: string, type: string): Promise<CustomType> {
  const { rows } = await client.query<TypeRow>(`SELECT ${COLUMNS} FROM resource_types WHERE tenant = $1 AND type = $2 AND withdrawn_at IS NULL FOR UPDATE`, [tenant, type]);
  if (rows[0] === undefined) throw unknownType();
  return typeOf(rows[0]);
}

export const unknownType = (): RetentionFault => new RetentionFault('TYPE_UNKNOWN', 'there is no such type', { field: 'type' });

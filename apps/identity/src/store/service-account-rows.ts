import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import type { LoadedRole } from './user-rows.js';

const UNIQUE_VIOLATION = '23505';

export interface ServiceAccountRow {
  readonly account_id: string;
  readonly organization: string | null;
  /** That it is recorded in; null: the installation's. */
  readonly ledger: string | null;
  readonly name: string;
  readonly state: 'active' | 'disabled';
  readonly created_at: Date;
  readonly access: string;
  readonly roles: readonly LoadedRole[];
}

/** Roles of the account `a`; those in a closed organisation count for nothing. */
export const ACCOUNT_ROLES_SQL = `coalesce((SELECT json_agg(json_strip_nulls(json_build_object('role', r.role, 'organization', nullif(r.organization, ''), 'permissions', c.permissions)) ORDER BY r.organization, r.role)
  FROM service_account_roles r LEFT JOIN custom_roles c ON c.organization = r.organization AND c.role = r.role LEFT JOIN organizations o ON o.organization = r.organization
  WHERE r.account_id = a.account_id AND (r.organization = '' OR o.state = 'open')), '[]')`;
const ACCOUNT_SQL = `SELECT a.account_id, a.organization, a.ledger, a.name, a.state, a.created_at, a.access, ${ACCOUNT_ROLES_SQL} AS roles FROM service_accounts a`;

export class ServiceAccountRows {
  constructor(readonly pool: Pool) {}

  async find(accountId: string): Promise<ServiceAccountRow | undefined> {
    return (await this.pool.query<ServiceAccountRow>(`${ACCOUNT_SQL} WHERE a.account_id = $1`, [accountId])).rows[0];
  }

  /** By id, those after `after`; with `organization` only its own. */
  async page(after: string, limit: number, organization: string | undefined): Promise<ServiceAccountRow[]> {
    const { rows } = await this.pool.query<ServiceAccountRow>(`${ACCOUNT_SQL} WHERE a.account_id > $1 AND ($3::text IS NULL OR a.organization = $3) ORDER BY a.account_id LIMIT $2`, [after, limit, organization ?? null]);
    return rows;
  }
}

/** Throws SERVICE_ACCOUNT_NAME_TAKEN, SERVICE_ACCOUNTS_TOO_MANY. */
export async function insertServiceAccount(client: PoolClient, { accountId, organization, name }: { readonly accountId: string; readonly organization: string | undefined; readonly name: string }, countMax: number, now: Date): Promise<void> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM service_accounts WHERE organization IS NOT DISTINCT FROM $1', [organization ?? null]);
  if (Number(rows[0]!.count) >= countMax) throw new IdentityFault('SERVICE_ACCOUNTS_TOO_MANY', `there are ${countMax} service accounts already`);
  try {
    await client.query(`INSERT INTO service_accounts (account_id, organization, ledger, name, state, created_at) VALUES ($1, $2, $2, $3, 'active', $4)`, [accountId, organization ?? null, name, now]);
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) throw new IdentityFault('SERVICE_ACCOUNT_NAME_TAKEN', 'another service account is called so', { field: 'name' });
    throw error;
  }
}

/** What events say about state and roles; both count the account's access on. */
export async function applyServiceAccountEvents(client: PoolClient, accountId: string, events: readonly RecordedEvent[]): Promise<void> {
  for (const { type, data } of events) {
    const { role, organization = '' } = (data ?? {}) as { readonly role?: string; readonly organization?: string };
    const what = type.slice('identity.service-account.'.length);
    if (what === 'role-granted') await client.query('INSERT INTO service_account_roles (account_id, organization, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [accountId, organization, role]);
    if (what === 'role-revoked') await client.query('DELETE FROM service_account_roles WHERE account_id = $1 AND organization = $2 AND role = $3', [accountId, organization, role]);
    if (what === 'disabled' || what === 'enabled') await client.query('UPDATE service_accounts SET state = $2 WHERE account_id = $1', [accountId, what === 'disabled' ? 'disabled' : 'active']);
  }
  await client.query('UPDATE service_accounts SET access = access + 1 WHERE account_id = $1', [accountId]);
}

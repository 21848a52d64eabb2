import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import { customRoleSet, encodeSet, type Grant } from '@countersign/access';
import { IdentityFault } from '../domain/identity-fault.js';

/** Serialises, within one organisation, whatever could leave it without an owner or a role without its meaning. */
const ORGANIZATION_LOCK = 0x4f524741;

export interface OrganizationRow {
  readonly organization: string;
  readonly name: string;
  readonly state: 'open' | 'closed';
  readonly created_at: Date;
}

export interface CustomRoleRow {
  readonly organization: string;
  readonly role: string;
  readonly description: string;
  /** A set of libs/access, as text. */
  readonly permissions: string;
}

const ORGANIZATION_SQL = 'SELECT organization, name, state, created_at FROM organizations';
const ROLE_SQL = 'SELECT organization, role, description, permissions FROM custom_roles';

export class OrganizationRows {
  constructor(readonly pool: Pool) {}

  async find(organization: string): Promise<OrganizationRow | undefined> {
    return (await this.pool.query<OrganizationRow>(`${ORGANIZATION_SQL} WHERE organization = $1`, [organization])).rows[0];
  }

  /** By id, those after `after`; with `memberId` only those that he belongs to. */
  async page(after: string, limit: number, memberId: string | undefined): Promise<OrganizationRow[]> {
    const { rows } = await this.pool.query<OrganizationRow>(
      `${ORGANIZATION_SQL} o WHERE organization > $1 AND ($3::text IS NULL OR EXISTS (SELECT FROM members m WHERE m.organization = o.organization AND m.user_id = $3))
       ORDER BY organization LIMIT $2`,
      [after, limit, memberId ?? null],
    );
    return rows;
  }

  async role(organization: string, role: string): Promise<CustomRoleRow | undefined> {
    return (await this.pool.query<CustomRoleRow>(`${ROLE_SQL} WHERE organization = $1 AND role = $2`, [organization, role])).rows[0];
  }

  async roles(organization: string): Promise<CustomRoleRow[]> {
    return (await this.pool.query<CustomRoleRow>(`${ROLE_SQL} WHERE organization = $1 ORDER BY role`, [organization])).rows;
  }
}

/** Until the end of the transaction. Before any row is locked: whoever waits for it holds nothing that its holder needs. */
export async function lockOrganization(client: PoolClient, organization: string, isShared: 'alone' | 'shared' = 'alone'): Promise<void> {
  const lock = isShared === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await client.query(`SELECT ${lock}($1, hashtext($2))`, [ORGANIZATION_LOCK, organization]);
}

/** Throws ORGANIZATION_CLOSED when it was closed meanwhile. Needs the lock. */
export async function requireOpen(client: PoolClient, organization: string): Promise<void> {
  const { rowCount } = await client.query(`SELECT FROM organizations WHERE organization = $1 AND state = 'open'`, [organization]);
  if (rowCount !== 1) throw new IdentityFault('ORGANIZATION_CLOSED', 'the organisation is closed', { field: 'organization' });
}

/**
 * Whoever gives a role was judged by what it granted then: it must still grant just that. Needs the lock. Throws CONFLICT.
 * @param permissions as they were judged
 */
export async function holdRole(client: PoolClient, organization: string, role: string, permissions: string): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM custom_roles WHERE organization = $1 AND role = $2 AND permissions = $3 FOR SHARE', [organization, role, permissions]);
  if (rowCount !== 1) throw new IdentityFault('CONFLICT', 'the role was changed meanwhile', { field: 'role' });
}

/** What events say about the organisation and its roles. Whoever holds a role that has changed is counted on. */
export async function applyOrganizationEvents(client: PoolClient, organization: string, events: readonly RecordedEvent[], now: Date): Promise<void> {
  for (const { type, data = {} } of events) {
    const what = type.slice('identity.organization.'.length);
    if (what === 'created') await insertOrganization(client, organization, data['name'] as string, now);
    if (what === 'renamed') await client.query('UPDATE organizations SET name = $2 WHERE organization = $1', [organization, data['name']]);
    if (what === 'closed' || what === 'reopened') await setState(client, organization, what === 'closed' ? 'closed' : 'open');
    if (what === 'role-removed') await removeRole(client, organization, data['role'] as string, now);
    if (what === 'role-defined' || what === 'role-changed') {
      const permissions = encodeSet(customRoleSet(data['grants'] as unknown as readonly Grant[]));
      await client.query(
        `INSERT INTO custom_roles (organization, role, description, permissions, changed_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization, role) DO UPDATE SET description = $3, permissions = $4, changed_at = $5`,
        [organization, data['role'], data['description'], permissions, now],
      );
      await countAccessOn(client, 'SELECT user_id FROM user_roles WHERE organization = $1 AND role = $2', [organization, data['role']]);
      await countAccountsOn(client, 'organization = $1 AND role = $2', [organization, data['role']]);
    }
  }
}

async function insertOrganization(client: PoolClient, organization: string, name: string, now: Date): Promise<void> {
  await client.query(`INSERT INTO organizations (organization, name, state, created_at) VALUES ($1, $2, 'open', $3)`, [organization, name, now]);
}

async function setState(client: PoolClient, organization: string, state: OrganizationRow['state']): Promise<void> {
  await client.query('UPDATE organizations SET state = $2 WHERE organization = $1', [organization, state]);
  await countAccessOn(client, 'SELECT user_id FROM members WHERE organization = $1', [organization]);
  await countAccountsOn(client, 'organization = $1', [organization]);
}

/** Throws ROLE_IN_USE. */
async function removeRole(client: PoolClient, organization: string, role: string, now: Date): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT FROM user_roles WHERE organization = $1 AND role = $2 UNION ALL SELECT FROM service_account_roles WHERE organization = $1 AND role = $2 UNION ALL
     SELECT FROM invitations WHERE organization = $1 AND $2 = ANY(roles) AND state = 'pending' AND expires_at > $3 LIMIT 1`,
    [organization, role, now],
  );
  if (rowCount !== 0) throw new IdentityFault('ROLE_IN_USE', 'somebody holds the role, or is invited to', { field: 'role' });
  await client.query('DELETE FROM custom_roles WHERE organization = $1 AND role = $2', [organization, role]);
}

/** Whoever acts in the name of one of these was authorised by what holds no more. In the order of ids, so that nobody waits for each other. */
async function countAccessOn(client: PoolClient, whoSql: string, values: readonly unknown[]): Promise<void> {
  await client.query(`UPDATE users u SET access = access + 1 FROM (SELECT user_id FROM users WHERE user_id IN (${whoSql}) ORDER BY user_id FOR UPDATE) AS w WHERE u.user_id = w.user_id`, [...values]);
}

/** The same of service accounts by the roles that they hold. */
async function countAccountsOn(client: PoolClient, whichSql: string, values: readonly unknown[]): Promise<void> {
  await client.query(
    `UPDATE service_accounts a SET access = access + 1 FROM (
       SELECT account_id FROM service_accounts WHERE account_id IN (SELECT account_id FROM service_account_roles WHERE ${whichSql}) ORDER BY account_id FOR UPDATE
     ) AS w WHERE a.account_id = w.account_id`,
    [...values],
  );
}

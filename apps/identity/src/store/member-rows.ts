import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import { restrictedSql } from './restriction-rows.js';

export interface MemberRow {
  readonly user_id: string;
  readonly joined_at: Date;
  readonly email: string;
  readonly name: string;
  readonly is_restricted: boolean;
  readonly roles: readonly string[];
}

export class MemberRows {
  constructor(readonly pool: Pool) {}

  /** By id, those after `after`. */
  async page(organization: string, after: string, limit: number): Promise<MemberRow[]> {
    const { rows } = await this.pool.query<MemberRow>(
      `SELECT m.user_id, m.joined_at, u.email, u.name, ${restrictedSql('m.user_id')} AS is_restricted,
       coalesce((SELECT array_agg(r.role ORDER BY r.role) FROM user_roles r WHERE r.user_id = m.user_id AND r.organization = m.organization), '{}') AS roles
       FROM members m JOIN users u USING (user_id) WHERE m.organization = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3`,
      [organization, after, limit],
    );
    return rows;
  }

  async isMember(organization: string, userId: string): Promise<boolean> {
    return (await this.pool.query('SELECT FROM members WHERE organization = $1 AND user_id = $2', [organization, userId])).rowCount === 1;
  }
}

/** What events say about a member. Whatever changes what he may do counts his access on. */
export async function applyMemberEvents(client: PoolClient, organization: string, userId: string, events: readonly RecordedEvent[], now: Date): Promise<void> {
  const add = (roles: readonly string[]) =>
    client.query('INSERT INTO user_roles (user_id, organization, role) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING', [userId, organization, roles]);
  for (const { type, data = {} } of events) {
    const what = type.slice('identity.organization.member-'.length);
    if (what === 'joined') {
      await client.query('INSERT INTO members (organization, user_id, joined_at) VALUES ($1, $2, $3)', [organization, userId, now]);
      await add(data['roles'] as readonly string[]);
    }
    if (what === 'role-granted') await add([data['role'] as string]);
    if (what === 'role-revoked') await client.query('DELETE FROM user_roles WHERE user_id = $1 AND organization = $2 AND role = $3', [userId, organization, data['role']]);
    if (what === 'removed') {
      await client.query('DELETE FROM user_roles WHERE user_id = $1 AND organization = $2', [userId, organization]);
      await client.query('DELETE FROM members WHERE user_id = $1 AND organization = $2', [userId, organization]);
      await client.query('UPDATE sessions SET organization = NULL WHERE user_id = $1 AND organization = $2 AND ended_at IS NULL', [userId, organization]);
    }
  }
  await client.query('UPDATE users SET access = access + 1 WHERE user_id = $1', [userId]);
}

/** Rolls back what took the organisation's last owner who can act. Needs its lock. Throws LAST_OWNER. */
export async function leaveAnOwner(client: PoolClient, organization: string, taken: readonly string[]): Promise<void> {
  if (!taken.includes('owner')) return;
  const { rowCount } = await client.query(
    `SELECT FROM user_roles r JOIN users u USING (user_id) WHERE r.organization = $1 AND r.role = 'owner' AND u.state = 'active' LIMIT 1`,
    [organization],
  );
  if (rowCount === 0) throw new IdentityFault('LAST_OWNER', 'the organisation would have no owner', { field: 'userId' });
}

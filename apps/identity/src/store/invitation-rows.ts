import type { Pool, PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import { restrictedSql } from './restriction-rows.js';

export interface InvitationRow {
  readonly invitation_id: string;
  readonly organization: string;
  /** Sealed under the invitee's key. */
  readonly email: string;
  readonly roles: readonly string[];
  readonly state: 'pending' | 'accepted' | 'revoked';
  readonly invited_by: string;
  readonly invited_at: Date;
  readonly expires_at: Date;
  /** The address is that of an account whose owner has demanded that what is about him be kept and not used. */
  readonly is_restricted: boolean;
}

export interface NewInvitation {
  readonly invitationId: string;
  readonly organization: string;
  readonly tokenHash: string;
  readonly sealedEmail: string;
  /** By which it is found when the owner of the address is erased. */
  readonly emailIndex: string;
  readonly roles: readonly string[];
  readonly invitedBy: string;
  readonly expiresAt: Date;
}

const INVITATION_SQL = `SELECT invitation_id, organization, email, roles, state, invited_by, invited_at, expires_at,
  EXISTS (SELECT FROM users u WHERE u.email_index = i.email_index AND ${restrictedSql('u.user_id')}) AS is_restricted FROM invitations i`;

export class InvitationRows {
  constructor(readonly pool: Pool) {}

  async find(organization: string, invitationId: string): Promise<InvitationRow | undefined> {
    return (await this.pool.query<InvitationRow>(`${INVITATION_SQL} WHERE organization = $1 AND invitation_id = $2`, [organization, invitationId])).rows[0];
  }

  /** In whatever state it is. */
  async byToken(tokenHash: string): Promise<InvitationRow | undefined> {
    return (await this.pool.query<InvitationRow>(`${INVITATION_SQL} WHERE token_hash = $1`, [tokenHash])).rows[0];
  }

  /** By id, those after `after`. */
  async page(organization: string, after: string, limit: number): Promise<InvitationRow[]> {
    return (await this.pool.query<InvitationRow>(`${INVITATION_SQL} WHERE organization = $1 AND invitation_id > $2 ORDER BY invitation_id LIMIT $3`, [organization, after, limit])).rows;
  }
}

export async function insertInvitation(client: PoolClient, invitation: NewInvitation, now: Date): Promise<void> {
  await client.query(
    `INSERT INTO invitations (invitation_id, organization, token_hash, email, roles, state, invited_by, invited_at, expires_at, email_index) VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $9)`,
    [invitation.invitationId, invitation.organization, invitation.tokenHash, invitation.sealedEmail, invitation.roles, invitation.invitedBy, now, invitation.expiresAt, invitation.emailIndex],
  );
}

/** A new link in the place of the one before. */
export async function renewInvitation(client: PoolClient, invitationId: string, tokenHash: string, expiresAt: Date): Promise<void> {
  await client.query('UPDATE invitations SET token_hash = $2, expires_at = $3 WHERE invitation_id = $1', [invitationId, tokenHash, expiresAt]);
}

export async function revokeInvitation(client: PoolClient, invitationId: string): Promise<void> {
  await client.query(`UPDATE invitations SET state = 'revoked' WHERE invitation_id = $1`, [invitationId]);
}

/** Uses the link up. Throws INVITATION_UNKNOWN when another one was sent meanwhile. */
export async function takeInvitation(client: PoolClient, invitationId: string, tokenHash: string): Promise<void> {
  const { rowCount } = await client.query(`UPDATE invitations SET state = 'accepted' WHERE invitation_id = $1 AND token_hash = $2 AND state = 'pending'`, [invitationId, tokenHash]);
  if (rowCount !== 1) throw new IdentityFault('INVITATION_UNKNOWN', 'there is no such invitation', { field: 'token' });
}

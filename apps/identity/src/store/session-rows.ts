import type { Policy } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { Assurance } from '../domain/session.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { holdKey, type HeldKey } from './api-key-rows.js';
import { passwordDueSql } from './policy-rows.js';
import { MFA_SQL, ROLES_SQL, type LoadedRole, type PasswordDue } from './user-rows.js';

/** A valid session with what its user may do. */
export interface CheckedSession {
  readonly session_id: string;
  readonly user_id: string;
  readonly organization: string | null;
  readonly started_at: Date;
  readonly expires_at: Date;
  readonly assurance: Assurance;
  readonly assurance_at: Date;
  readonly is_mfa_enrolled: boolean;
  /** At this moment. */
  readonly password_due: PasswordDue | null;
  /** False: it has grown too old, and nobody has noticed before. */
  readonly is_due_recorded: boolean;
  readonly api_keys_rest: boolean;
  readonly access: string;
  readonly roles: readonly LoadedRole[];
  /** Of the installation, under the empty name, and of the organisation in which it acts. */
  readonly policies: readonly { readonly organization: string; readonly policy: Policy }[];
}

export interface SessionRow {
  readonly session_id: string;
  readonly user_id: string;
  readonly started_at: Date;
  readonly seen_at: Date;
  readonly expires_at: Date;
  readonly origin: string | null;
}

export interface NewSession {
  readonly sessionId: string;
  readonly tokenHash: string;
  readonly userId: string;
  readonly organization: string | undefined;
  readonly assurance: Assurance;
  readonly origin: string | undefined;
  readonly expiresAt: Date;
  /** Of the user when he proved who he is. */
  readonly access: string;
}

const CHECK_SQL = `SELECT s.session_id, s.user_id, s.organization, s.started_at, s.expires_at, s.assurance, s.assurance_at, ${passwordDueSql('$1')} AS password_due, u.password_due IS NOT NULL AS is_due_recorded, u.api_keys_rest, u.access, ${MFA_SQL} AS is_mfa_enrolled, ${ROLES_SQL} AS roles,
  coalesce((SELECT json_agg(json_build_object('organization', p.organization, 'policy', p.policy)) FROM policies p WHERE p.organization IN ('', s.organization)), '[]') AS policies
  FROM sessions s JOIN users u USING (user_id) WHERE s.ended_at IS NULL AND s.expires_at > $1 AND u.state = 'active'`;
/** Sessions of one user, most. */
const LISTED_MAX = 500;

export class SessionRows {
  constructor(readonly pool: Pool) {}

  /** The session of the token if it is valid at `now`, and its user as he is at this moment: one statement, so both are of one instant. */
  async check(tokenHash: string, now: Date): Promise<CheckedSession | undefined> {
    return (await this.pool.query<CheckedSession>(`${CHECK_SQL} AND s.token_hash = $2`, [now, tokenHash])).rows[0];
  }

  async checkById(sessionId: string, now: Date): Promise<CheckedSession | undefined> {
    return (await this.pool.query<CheckedSession>(`${CHECK_SQL} AND s.session_id = $2`, [now, sessionId])).rows[0];
  }

  async ofUser(userId: string, now: Date): Promise<SessionRow[]> {
    const { rows } = await this.pool.query<SessionRow>(
      `SELECT session_id, user_id, started_at, seen_at, expires_at, origin FROM sessions
       WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY seen_at DESC LIMIT $3`,
      [userId, now, LISTED_MAX],
    );
    return rows;
  }

  /** Ended ones too. */
  async find(sessionId: string): Promise<SessionRow | undefined> {
    const { rows } = await this.pool.query<SessionRow>('SELECT session_id, user_id, started_at, seen_at, expires_at, origin FROM sessions WHERE session_id = $1', [sessionId]);
    return rows[0];
  }
}

/** Throws CONFLICT when the account is not what it was when the password was checked. */
export async function insertSession(client: PoolClient, session: NewSession, now: Date): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO sessions (session_id, token_hash, user_id, organization, started_at, seen_at, expires_at, assurance, assurance_at, origin)
     SELECT $1, $2, user_id, (SELECT o.organization FROM members m JOIN organizations o USING (organization) WHERE o.organization = $4 AND o.state = 'open' AND m.user_id = $3), $5, $5, $6, $7, $5, $8 FROM users WHERE user_id = $3 AND state = 'active' AND access = $9 FOR SHARE`,
    [session.sessionId, session.tokenHash, session.userId, session.organization ?? null, now, session.expiresAt, session.assurance, session.origin ?? null, session.access],
  );
  // Disabled, or with another password, or with all sessions ended, since he proved who he is.
  if (rowCount !== 1) throw new IdentityFault('CONFLICT', 'the account was changed meanwhile; sign in again');
}

/** Throws UNAUTHENTICATED when it has ended meanwhile: what is renewed must not come back to life. */
export async function renewSession(client: PoolClient, sessionId: string, now: Date, expiresAt: Date): Promise<void> {
  const { rowCount } = await client.query('UPDATE sessions SET seen_at = $2, expires_at = $3 WHERE session_id = $1 AND ended_at IS NULL', [sessionId, now, expiresAt]);
  if (rowCount !== 1) throw new IdentityFault('UNAUTHENTICATED', 'the session has ended');
}

/** From now on it acts there, and lasts no longer than is allowed there. Throws UNAUTHENTICATED when it has ended meanwhile. */
export async function enterOrganization(client: PoolClient, sessionId: string, organization: string | undefined, expiresAt: Date): Promise<void> {
  const { rowCount } = await client.query('UPDATE sessions SET organization = $2, expires_at = LEAST(expires_at, $3) WHERE session_id = $1 AND ended_at IS NULL', [sessionId, organization ?? null, expiresAt]);
  if (rowCount !== 1) throw new IdentityFault('UNAUTHENTICATED', 'the session has ended');
}

/** Throws UNAUTHENTICATED when it has ended meanwhile. */
export async function raiseAssurance(client: PoolClient, sessionId: string, assurance: Assurance, now: Date): Promise<void> {
  const { rowCount } = await client.query('UPDATE sessions SET assurance = $2, assurance_at = $3, seen_at = $3 WHERE session_id = $1 AND ended_at IS NULL', [sessionId, assurance, now]);
  if (rowCount !== 1) throw new IdentityFault('UNAUTHENTICATED', 'the session has ended');
}

export async function endSession(client: PoolClient, sessionId: string, now: Date): Promise<void> {
  await client.query('UPDATE sessions SET ended_at = $2 WHERE session_id = $1 AND ended_at IS NULL', [sessionId, now]);
}

/** Ends all sessions of the user but `keptSessionId`, and forgets sign-ins that wait for a second factor. Returns how many. */
export async function endSessions(client: PoolClient, userId: string, keptSessionId: string | undefined, now: Date, keepsChallenges = false): Promise<number> {
  if (!keepsChallenges) await client.query('DELETE FROM challenges WHERE user_id = $1', [userId]);
  // Whoever is just signing in with what was true before is kept out too.
  await client.query('UPDATE users SET access = access + 1 WHERE user_id = $1', [userId]);
  const { rowCount } = await client.query('UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND session_id IS DISTINCT FROM $3', [userId, now, keptSessionId ?? null]);
  return rowCount ?? 0;
}

export interface Authority {
  readonly sessionId: string;
  readonly userId: string;
  readonly access: string;
  /** In the place of a session. */
  readonly key?: HeldKey;
}

/**
 * Holds what somebody was authorised by until the end of the transaction. Whoever takes it from him waits for us or makes us fail:
 * nothing is committed in his name after it was taken. Throws CONFLICT.
 */
export async function holdAuthority(client: PoolClient, { sessionId, userId, access, key }: Authority): Promise<void> {
  if (key !== undefined) {
    if (await holdKey(client, key)) return;
    throw new IdentityFault('CONFLICT', 'the API key that asks was revoked, or may do less, meanwhile');
  }
  // In the order in which whoever takes it locks them: account, then sessions. Otherwise each could wait for the other.
  const user = await client.query('SELECT FROM users WHERE user_id = $1 AND access = $2 FOR SHARE', [userId, access]);
  const session = await client.query('SELECT FROM sessions WHERE session_id = $1 AND ended_at IS NULL FOR SHARE', [sessionId]);
  if (session.rowCount !== 1 || user.rowCount !== 1) throw new IdentityFault('CONFLICT', 'who asks has lost the session, or his roles have changed, meanwhile');
}

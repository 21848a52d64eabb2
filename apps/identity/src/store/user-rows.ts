import type { HeldRole, PASSWORD_DUE } from '@countersign/contracts';
import type { StoredBackupCode } from '@countersign/credentials';
import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import { CodeReplayed } from '../domain/code-replayed.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { restrictedSql } from './restriction-rows.js';

const UNIQUE_VIOLATION = '23505';
/** Passwords that are not taken again, the present one included (requirement I2). */
export const PASSWORDS_REMEMBERED = 5;
/** Serialises whatever could leave the platform without an administrator. */
const ADMINISTRATORS_LOCK = 0x49444d41;

/** Why a password has to be changed. */
export type PasswordDue = (typeof PASSWORD_DUE)[number];

export interface UserRow {
  readonly user_id: string;
  readonly state: 'active' | 'disabled' | 'erased';
  readonly organization: string | null;
  readonly email_index: string;
  /** NULL once he was erased, as is the name. */
  readonly email: string | null;
  readonly name: string | null;
  readonly locale: string | null;
  readonly created_at: Date;
  /** Of any kind. */
  readonly is_mfa_enrolled: boolean;
  /** He has demanded that what is about him be kept and not used. */
  readonly is_restricted: boolean;
  readonly access: string;
  readonly roles: readonly LoadedRole[];
}

/** What proves who somebody is. */
export interface CredentialsRow {
  readonly user_id: string;
  readonly state: 'active' | 'disabled' | 'erased';
  readonly organization: string | null;
  readonly password: string;
  readonly totp_state: 'none' | 'pending' | 'enrolled';
  readonly is_mfa_enrolled: boolean;
  readonly totp: string | null;
  readonly totp_step: string;
  readonly password_at: Date;
  readonly password_due: PasswordDue | null;
  /** Null: nobody could be asked yet. */
  readonly leak_checked_at: Date | null;
  readonly access: string;
}

/** Hashed. `isClean`: in no list of stolen ones, rather than that nobody could be asked. */
export interface NewPassword {
  readonly hash: string;
  readonly isClean: boolean;
}

export interface NewUser {
  readonly userId: string;
  readonly organization: string | undefined;
  readonly emailIndex: string;
  /** Every index that the address has or had: it is taken if any row has one of them. */
  readonly emailIndexes: readonly string[];
  readonly sealedEmail: string;
  readonly sealedName: string;
  readonly password: NewPassword;
  readonly roles: readonly HeldRole[];
}

/** A role as it is held; `permissions` of an organisation's own role, as text of libs/access. */
export type LoadedRole = HeldRole & { readonly permissions?: string };

/** In an organisation that is closed no role counts. */
export const ROLES_SQL = `coalesce((SELECT json_agg(json_strip_nulls(json_build_object('role', r.role, 'organization', nullif(r.organization, ''), 'permissions', c.permissions)) ORDER BY r.organization, r.role)
  FROM user_roles r LEFT JOIN custom_roles c ON c.organization = r.organization AND c.role = r.role LEFT JOIN organizations o ON o.organization = r.organization
  WHERE r.user_id = u.user_id AND (r.organization = '' OR o.state = 'open')), '[]')`;
/** Whether a user `u` has a second factor. */
export const MFA_SQL = `(u.totp_state = 'enrolled' OR EXISTS (SELECT FROM passkeys k WHERE k.user_id = u.user_id))`;
const USER_SQL = `SELECT u.user_id, u.state, u.organization, u.email_index, u.email, u.name, u.locale, u.created_at, u.access, ${MFA_SQL} AS is_mfa_enrolled, ${restrictedSql('u.user_id')} AS is_restricted, ${ROLES_SQL} AS roles FROM users u`;
const CREDENTIALS_SQL = `SELECT user_id, state, organization, password, totp_state, totp, totp_step, password_at, password_due, leak_checked_at, access, ${MFA_SQL} AS is_mfa_enrolled FROM users u`;

export class UserRows {
  constructor(readonly pool: Pool) {}

  async find(userId: string): Promise<UserRow | undefined> {
    return (await this.pool.query<UserRow>(`${USER_SQL} WHERE u.user_id = $1`, [userId])).rows[0];
  }

  /** By id, those after `after`. With `organization` only those that it keeps or that are its members. */
  async page(after: string, limit: number, organization: string | undefined): Promise<UserRow[]> {
    const { rows } = await this.pool.query<UserRow>(
      `${USER_SQL} WHERE u.user_id > $1
       AND ($3::text IS NULL OR u.organization = $3 OR EXISTS (SELECT FROM user_roles r WHERE r.user_id = u.user_id AND r.organization = $3))
       ORDER BY u.user_id LIMIT $2`,
      [after, limit, organization ?? null],
    );
    return rows;
  }

  async findByEmail(indexes: readonly string[]): Promise<UserRow | undefined> {
    return (await this.pool.query<UserRow>(`${USER_SQL} WHERE u.email_index = ANY($1)`, [indexes])).rows[0];
  }

  async credentialsByEmail(indexes: readonly string[]): Promise<CredentialsRow | undefined> {
    return (await this.pool.query<CredentialsRow>(`${CREDENTIALS_SQL} WHERE email_index = ANY($1)`, [indexes])).rows[0];
  }

  async credentials(userId: string): Promise<CredentialsRow | undefined> {
    return (await this.pool.query<CredentialsRow>(`${CREDENTIALS_SQL} WHERE user_id = $1`, [userId])).rows[0];
  }

  /** The last passwords, the present one first. */
  async passwords(userId: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ password: string }>('SELECT password FROM user_passwords WHERE user_id = $1 ORDER BY set_at DESC LIMIT $2', [userId, PASSWORDS_REMEMBERED]);
    return rows.map(({ password }) => password);
  }

  /** The password that lies there was in no list of stolen ones; another one that was set meanwhile is not meant. */
  async leakChecked(userId: string, password: string, now: Date): Promise<void> {
    await this.pool.query('UPDATE users SET leak_checked_at = $3 WHERE user_id = $1 AND password = $2', [userId, password, now]);
  }

  /** Passwords of active accounts of which nobody could say yet whether they were stolen. */
  async leakChecksPending(): Promise<number> {
    return Number((await this.pool.query<{ count: string }>(`SELECT count(*) FROM users WHERE leak_checked_at IS NULL AND state = 'active'`)).rows[0]?.count);
  }

  /** Used ones too. */
  async backupCodes(userId: string): Promise<StoredBackupCode[]> {
    const { rows } = await this.pool.query<StoredBackupCode>('SELECT code_id AS id, hash, used_at IS NOT NULL AS "isUsed" FROM backup_codes WHERE user_id = $1', [userId]);
    return rows;
  }
}

/** Uses up a step of the authenticator. Throws CODE_REPLAYED if it, or a later one, was used before. */
export async function takeTotpStep(client: PoolClient, userId: string, step: number): Promise<void> {
  const { rowCount } = await client.query('UPDATE users SET totp_step = $2 WHERE user_id = $1 AND totp_step < $2', [userId, step]);
  if (rowCount !== 1) throw new CodeReplayed('identity.user.totp-replayed');
}

/** It stays known, so that it is recognised when it comes again. */
export async function useBackupCode(client: PoolClient, userId: string, codeId: string, now: Date): Promise<void> {
  await client.query('UPDATE backup_codes SET used_at = $3 WHERE user_id = $1 AND code_id = $2', [userId, codeId, now]);
}

/** Whether the API keys of a person rest. */
export async function setKeysRest(client: PoolClient, userId: string, doRest: boolean): Promise<void> {
  await client.query('UPDATE users SET api_keys_rest = $2 WHERE user_id = $1', [userId, doRest]);
}

/** Throws EMAIL_TAKEN. */
export async function insertUser(client: PoolClient, user: NewUser, now: Date): Promise<void> {
  const taken = await client.query('SELECT FROM users WHERE email_index = ANY($1)', [user.emailIndexes]);
  if (taken.rowCount !== 0) throw emailTaken();
  try {
    await client.query(
      `INSERT INTO users (user_id, state, organization, email_index, email, name, created_at, password, password_at, leak_checked_at) VALUES ($1, 'active', $2, $3, $4, $5, $6, $7, $6, $8)`,
      [user.userId, user.organization ?? null, user.emailIndex, user.sealedEmail, user.sealedName, now, user.password.hash, user.password.isClean ? now : null],
    );
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) throw emailTaken();
    throw error;
  }
  await client.query('INSERT INTO user_passwords (user_id, set_at, password) VALUES ($1, $2, $3)', [user.userId, now, user.password.hash]);
  for (const role of user.roles) await insertRole(client, user.userId, role);
}

/** What events say about roles, state and second factors. Whatever may change what the user may do counts his access on. */
export async function applyUserEvents(client: PoolClient, userId: string, events: readonly RecordedEvent[]): Promise<void> {
  for (const { type, data } of events) {
    const role = data as unknown as HeldRole;
    const what = type.slice('identity.user.'.length);
    if (what === 'role-granted') await insertRole(client, userId, role);
    if (what === 'role-revoked') await client.query('DELETE FROM user_roles WHERE user_id = $1 AND organization = $2 AND role = $3', [userId, role.organization ?? '', role.role]);
    if (what === 'disabled' || what === 'enabled') await client.query('UPDATE users SET state = $2 WHERE user_id = $1', [userId, what === 'disabled' ? 'disabled' : 'active']);
    if (what === 'totp-enrolled') await client.query(`UPDATE users SET totp_state = 'enrolled' WHERE user_id = $1`, [userId]);
  }
  await client.query('UPDATE users SET access = access + 1 WHERE user_id = $1', [userId]);
}

async function insertRole(client: PoolClient, userId: string, { role, organization }: HeldRole): Promise<void> {
  await client.query('INSERT INTO user_roles (user_id, organization, role) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [userId, organization ?? '', role]);
}

/** The present password and the memory of earlier ones. */
export async function setPassword(client: PoolClient, userId: string, { hash, isClean }: NewPassword, now: Date): Promise<void> {
  await client.query('UPDATE users SET password = $2, password_at = $3, password_due = NULL, leak_checked_at = $4 WHERE user_id = $1', [userId, hash, now, isClean ? now : null]);
  await client.query('INSERT INTO user_passwords (user_id, set_at, password) VALUES ($1, $2, $3) ON CONFLICT (user_id, set_at) DO NOTHING', [userId, now, hash]);
  await client.query(
    'DELETE FROM user_passwords WHERE user_id = $1 AND set_at NOT IN (SELECT set_at FROM user_passwords WHERE user_id = $1 ORDER BY set_at DESC LIMIT $2)',
    [userId, PASSWORDS_REMEMBERED],
  );
}

/** Whoever signs in changes the password first. Returns the new access. Throws CONFLICT. */
export async function requirePassword(client: PoolClient, { user_id, access }: Pick<CredentialsRow, 'user_id' | 'access'>, why: PasswordDue): Promise<string> {
  const { rows } = await client.query<{ access: string }>('UPDATE users SET password_due = $2, access = access + 1 WHERE user_id = $1 AND access = $3 RETURNING access', [user_id, why, access]);
  if (rows[0] === undefined) throw new IdentityFault('CONFLICT', 'the account was changed meanwhile; sign in again');
  return rows[0].access;
}

export async function changeProfile(client: PoolClient, userId: string, { sealedName, locale }: { readonly sealedName: string | undefined; readonly locale: string | undefined }): Promise<void> {
  await client.query('UPDATE users SET name = coalesce($2, name), locale = coalesce($3, locale) WHERE user_id = $1', [userId, sealedName ?? null, locale ?? null]);
}

/** Throws EMAIL_TAKEN. */
export async function changeEmail(client: PoolClient, userId: string, { sealed, index, indexes }: { readonly sealed: string; readonly index: string; readonly indexes: readonly string[] }): Promise<void> {
  const taken = await client.query('SELECT FROM users WHERE email_index = ANY($1) AND user_id <> $2', [indexes, userId]);
  if (taken.rowCount !== 0) throw emailTaken();
  try {
    await client.query('UPDATE users SET email = $2, email_index = $3 WHERE user_id = $1', [userId, sealed, index]);
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) throw emailTaken();
    throw error;
  }
}

/** The same password under another hash, unless it was changed meanwhile. */
export async function replacePassword(client: PoolClient, userId: string, { from, to }: { readonly from: string; readonly to: string }): Promise<void> {
  await client.query('UPDATE users SET password = $3 WHERE user_id = $1 AND password = $2', [userId, from, to]);
  await client.query('UPDATE user_passwords SET password = $3 WHERE user_id = $1 AND password = $2', [userId, from, to]);
}

export async function setPendingTotp(client: PoolClient, userId: string, sealed: string): Promise<void> {
  await client.query(`UPDATE users SET totp_state = 'pending', totp = $2, totp_step = -1 WHERE user_id = $1`, [userId, sealed]);
}

export async function insertBackupCodes(client: PoolClient, userId: string, codes: readonly StoredBackupCode[]): Promise<void> {
  await client.query('DELETE FROM backup_codes WHERE user_id = $1', [userId]);
  await client.query('INSERT INTO backup_codes (user_id, code_id, hash) SELECT $1, id, hash FROM unnest($2::text[], $3::text[]) AS c (id, hash)', [userId, codes.map(({ id }) => id), codes.map(({ hash }) => hash)]);
}

/** Owners of the platform who can act. Holds back everybody else who would change their number. */
export async function countAdministrators(client: PoolClient): Promise<number> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [ADMINISTRATORS_LOCK]);
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM user_roles r JOIN users u USING (user_id) WHERE r.role = 'owner' AND r.organization = '' AND u.state = 'active'`,
  );
  return Number(rows[0]?.count);
}

const emailTaken = (): IdentityFault => new IdentityFault('EMAIL_TAKEN', 'the address belongs to an account', { field: 'email' });

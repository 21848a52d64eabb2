import type { Pool, PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import { passwordDueSql } from './policy-rows.js';
import { ACCOUNT_ROLES_SQL } from './service-account-rows.js';
import { ROLES_SQL, type LoadedRole } from './user-rows.js';

export interface ApiKeyRow {
  readonly key_id: string;
  readonly user_id: string | null;
  readonly account_id: string | null;
  readonly created_by: string;
  readonly organization: string | null;
  /** That it is recorded in; null: the installation's. */
  readonly ledger: string | null;
  readonly preview: string;
  readonly name: string;
  readonly permissions: string;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly last_used_at: Date | null;
}

/** A key with what those are now on whom it depends. */
export interface CheckedKey {
  readonly key_id: string;
  readonly mac: string;
  readonly organization: string | null;
  readonly ledger: string | null;
  readonly permissions: string;
  readonly expires_at: Date;
  readonly is_revoked: boolean;
  readonly created_by: string;
  readonly creator_state: 'active' | 'disabled';
  readonly creator_access: string;
  readonly creator_roles: readonly LoadedRole[];
  /** Who made it has to sign in, or to change the password, before keys of his own are good. */
  readonly does_creator_rest: boolean;
  /** Of a person's key: null. */
  readonly account_id: string | null;
  readonly account_name: string | null;
  readonly account_state: 'active' | 'disabled' | null;
  readonly account_access: string | null;
  readonly account_roles: readonly LoadedRole[] | null;
}

export interface NewApiKey extends Pick<ApiKeyRow, 'key_id' | 'user_id' | 'account_id' | 'created_by' | 'organization' | 'ledger' | 'preview' | 'name' | 'permissions' | 'expires_at'> {
  readonly mac: string;
}

/** By what a key was authorised, to be held until the commit. */
export interface HeldKey {
  readonly keyId: string;
  readonly createdBy: string;
  readonly creatorAccess: string;
  readonly accountId: string | undefined;
  readonly accountAccess: string | undefined;
}

const LISTED_MAX = 500;
/** How often a key's last use is written. */
const LAST_USE_MS = 60_000;
const COLUMNS = 'key_id, user_id, account_id, created_by, organization, ledger, preview, name, permissions, created_at, expires_at, last_used_at';
const CHECK_SQL = `SELECT k.key_id, k.mac, k.organization, k.ledger, k.permissions, k.expires_at, k.revoked_at IS NOT NULL AS is_revoked, k.created_by,
  u.state AS creator_state, u.access AS creator_access, (u.api_keys_rest OR ${passwordDueSql('$2')} IS NOT NULL) AS does_creator_rest, ${ROLES_SQL} AS creator_roles,
  a.account_id, a.name AS account_name, a.state AS account_state, a.access AS account_access, CASE WHEN a.account_id IS NOT NULL THEN ${ACCOUNT_ROLES_SQL} END AS account_roles
  FROM api_keys k JOIN users u ON u.user_id = k.created_by LEFT JOIN service_accounts a ON a.account_id = k.account_id WHERE k.key_id = $1`;

export class ApiKeyRows {
  constructor(readonly pool: Pool) {}

  /** The key with everything that it depends on: one statement, so all of one instant. */
  async check(keyId: string, now: Date): Promise<CheckedKey | undefined> {
    return (await this.pool.query<CheckedKey>(CHECK_SQL, [keyId, now])).rows[0];
  }

  async find(keyId: string): Promise<ApiKeyRow | undefined> {
    return (await this.pool.query<ApiKeyRow>(`SELECT ${COLUMNS} FROM api_keys WHERE key_id = $1`, [keyId])).rows[0];
  }

  /** Of one owner, neither revoked nor expired, the newest first. */
  async ofOwner(owner: { readonly userId: string } | { readonly accountId: string }, now: Date): Promise<ApiKeyRow[]> {
    const [column, id] = 'userId' in owner ? ['user_id', owner.userId] : ['account_id', owner.accountId];
    const { rows } = await this.pool.query<ApiKeyRow>(`SELECT ${COLUMNS} FROM api_keys WHERE ${column} = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, key_id LIMIT $3`, [id, now, LISTED_MAX]);
    return rows;
  }

  /** Keys with the time of their last use; what was written within a minute before stays. */
  async used(uses: ReadonlyMap<string, Date>): Promise<void> {
    await this.pool.query(
      `UPDATE api_keys k SET last_used_at = u.at FROM unnest($1::text[], $2::timestamptz[]) AS u (key_id, at)
       WHERE k.key_id = u.key_id AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - $3::int * interval '1 millisecond')`,
      [[...uses.keys()], [...uses.values()], LAST_USE_MS],
    );
  }
}

/** Throws API_KEYS_TOO_MANY. */
export async function insertApiKey(client: PoolClient, key: NewApiKey, countMax: number, now: Date): Promise<void> {
  const { rows } = await client.query<{ count: string }>(
    'SELECT count(*) FROM api_keys WHERE (user_id = $1 OR account_id = $2) AND revoked_at IS NULL AND expires_at > $3',
    [key.user_id, key.account_id, now],
  );
  if (Number(rows[0]!.count) >= countMax) throw new IdentityFault('API_KEYS_TOO_MANY', `there are ${countMax} keys already: revoke one first`);
  const { key_id, user_id, account_id, created_by, organization, ledger, mac, preview, name, permissions, expires_at } = key;
  await client.query(
    `INSERT INTO api_keys (key_id, user_id, account_id, created_by, organization, ledger, mac, preview, name, permissions, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [key_id, user_id, account_id, created_by, organization, ledger, mac, preview, name, permissions, now, expires_at],
  );
}

export async function revokeApiKey(client: PoolClient, keyId: string, now: Date): Promise<void> {
  await client.query('UPDATE api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL', [keyId, now]);
}

/** All of a person: with the account go its keys, and they do not come back with it. */
export async function revokeApiKeysOf(client: PoolClient, userId: string, now: Date): Promise<void> {
  await client.query('UPDATE api_keys SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL', [userId, now]);
}

/** Whether key, creator and account are still what they were; they stay so until the end of the transaction. */
export async function holdKey(client: PoolClient, { keyId, createdBy, creatorAccess, accountId, accountAccess }: HeldKey): Promise<boolean> {
  const key = await client.query('SELECT FROM api_keys WHERE key_id = $1 AND revoked_at IS NULL FOR SHARE', [keyId]);
  const creator = await client.query('SELECT FROM users WHERE user_id = $1 AND access = $2 FOR SHARE', [createdBy, creatorAccess]);
  if (key.rowCount !== 1 || creator.rowCount !== 1) return false;
  if (accountId === undefined) return true;
  return (await client.query('SELECT FROM service_accounts WHERE account_id = $1 AND access = $2 FOR SHARE', [accountId, accountAccess])).rowCount === 1;
}

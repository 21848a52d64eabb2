import type { Pool, PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';

const UNIQUE_VIOLATION = '23505';
export const PASSKEY_CHALLENGE_MS = 5 * 60_000;
/** Open challenges of one account: of a window that was opened again and again only the last ones count. */
const OWN_CHALLENGES_MAX = 10;
/** Open challenges that are nobody's. Beyond it nobody signs in by passkey alone for a moment; passwords go on. */
const STRANGERS_CHALLENGES_MAX = 50_000;
const OVERLOADED_RETRY_MS = 30_000;

export type PasskeyPurpose = 'enrol' | 'sign-in' | 'second-factor' | 'step-up';

export interface PasskeyRow {
  readonly passkey_id: string;
  readonly user_id: string;
  readonly credential_id: string;
  readonly public_key: Buffer;
  readonly counter: string;
  readonly transports: readonly string[];
  readonly is_synced: boolean;
  readonly name: string | null;
  readonly created_at: Date;
  readonly used_at: Date | null;
}

export interface NewPasskey {
  readonly passkeyId: string;
  readonly userId: string;
  readonly credentialId: string;
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly isSynced: boolean;
  /** Undefined: its subject was erased. */
  readonly name: string | undefined;
}

export class PasskeyRows {
  constructor(readonly pool: Pool) {}

  async ofUser(userId: string): Promise<PasskeyRow[]> {
    return (await this.pool.query<PasskeyRow>('SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_at, passkey_id', [userId])).rows;
  }

  async byCredential(credentialId: string): Promise<PasskeyRow | undefined> {
    return (await this.pool.query<PasskeyRow>('SELECT * FROM passkeys WHERE credential_id = $1', [credentialId])).rows[0];
  }

  /** @param hash SHA-256 of the challenge, base64url. Throws IDENTITY_OVERLOADED. */
  async addChallenge(hash: string, purpose: PasskeyPurpose, userId: string | undefined, now: Date): Promise<void> {
    await this.pool.query('DELETE FROM passkey_challenges WHERE expires_at < $1', [now]);
    if (userId !== undefined) {
      await this.pool.query(
        'DELETE FROM passkey_challenges WHERE challenge_hash IN (SELECT challenge_hash FROM passkey_challenges WHERE user_id = $1 ORDER BY expires_at DESC OFFSET $2)',
        [userId, OWN_CHALLENGES_MAX - 1],
      );
    }
    const { rowCount } = await this.pool.query(
      `INSERT INTO passkey_challenges (challenge_hash, purpose, user_id, expires_at) SELECT $1, $2, $3, $4
       WHERE $3::text IS NOT NULL OR (SELECT count(*) FROM (SELECT FROM passkey_challenges WHERE user_id IS NULL LIMIT $5) AS open) < $5`,
      [hash, purpose, userId ?? null, new Date(now.getTime() + PASSKEY_CHALLENGE_MS), STRANGERS_CHALLENGES_MAX],
    );
    if (rowCount !== 1) throw new IdentityFault('IDENTITY_OVERLOADED', 'too many sign-ins at once', { retryAfterMs: OVERLOADED_RETRY_MS });
  }

  /** Uses the challenge up, whatever becomes of its answer. False: there is no such, or not for this. */
  async takeChallenge(hash: string, purpose: PasskeyPurpose, userId: string | undefined, now: Date): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      'DELETE FROM passkey_challenges WHERE challenge_hash = $1 AND purpose = $2 AND user_id IS NOT DISTINCT FROM $3 AND expires_at > $4',
      [hash, purpose, userId ?? null, now],
    );
    return rowCount === 1;
  }
}

/** Throws PASSKEY_KNOWN: here, or as somebody else's. */
export async function insertPasskey(client: PoolClient, passkey: NewPasskey, now: Date): Promise<void> {
  const { passkeyId, userId, credentialId, publicKey, counter, transports, isSynced, name } = passkey;
  try {
    await client.query(
      'INSERT INTO passkeys (passkey_id, user_id, credential_id, public_key, counter, transports, is_synced, name, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      [passkeyId, userId, credentialId, publicKey, counter, transports, isSynced, name ?? null, now],
    );
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) throw new IdentityFault('PASSKEY_KNOWN', 'this passkey is registered already');
    throw error;
  }
}

export async function renamePasskey(client: PoolClient, passkeyId: string, name: string | undefined): Promise<void> {
  await client.query('UPDATE passkeys SET name = $2 WHERE passkey_id = $1', [passkeyId, name ?? null]);
}

/** False: another answer with this counter, or a later one, was accepted meanwhile, or the passkey is gone. */
export async function countPasskey(client: PoolClient, passkeyId: string, counter: number, isSynced: boolean, now: Date): Promise<boolean> {
  const { rowCount } = await client.query(
    'UPDATE passkeys SET counter = $2, used_at = $3, is_synced = $4 WHERE passkey_id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))',
    [passkeyId, counter, now, isSynced],
  );
  return rowCount === 1;
}

import type { Pool, PoolClient } from '@countersign/postgres';

/** Wrong codes for one challenge. */
export const CHALLENGE_TRIES_MAX = 5;
export const CHALLENGE_MS = 5 * 60_000;
/** Known devices of one user: the oldest is forgotten. */
const DEVICES_MAX = 20;
const DAY_MS = 86_400_000;
/** A device that has not signed in for so long is a stranger again. */
const DEVICE_MS = 180 * DAY_MS;

/** Sign-ins under way and devices that are known. Nothing here is an account's state: it may be lost. */
export class SignInRows {
  constructor(readonly pool: Pool) {}

  async addChallenge(tokenHash: string, userId: string, now: Date): Promise<Date> {
    const expiresAt = new Date(now.getTime() + CHALLENGE_MS);
    await this.pool.query('DELETE FROM challenges WHERE expires_at < $1', [now]);
    await this.pool.query('INSERT INTO challenges (token_hash, user_id, expires_at, tries_left) VALUES ($1, $2, $3, $4)', [tokenHash, userId, expiresAt, CHALLENGE_TRIES_MAX]);
    return expiresAt;
  }

  /** Takes one try, before the code is looked at: answers in parallel share the tries. Undefined: no such challenge, or no try left. */
  async tryChallenge(tokenHash: string, now: Date): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ user_id: string }>(
      'UPDATE challenges SET tries_left = tries_left - 1 WHERE token_hash = $1 AND expires_at > $2 AND tries_left > 0 RETURNING user_id',
      [tokenHash, now],
    );
    return rows[0]?.user_id;
  }

  /** Whether any device has. */
  async hasDevices(userId: string): Promise<boolean> {
    return (await this.pool.query('SELECT FROM devices WHERE user_id = $1 LIMIT 1', [userId])).rowCount === 1;
  }

  /** Whose sign-in waits; takes no try. */
  async ofChallenge(tokenHash: string, now: Date): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ user_id: string }>('SELECT user_id FROM challenges WHERE token_hash = $1 AND expires_at > $2 AND tries_left > 0', [tokenHash, now]);
    return rows[0]?.user_id;
  }

  /** Whether the device has signed in as this user. */
  async isKnown(tokenHash: string, userId: string, now: Date): Promise<boolean> {
    const { rowCount } = await this.pool.query('SELECT FROM devices WHERE token_hash = $1 AND user_id = $2 AND known_at > $3', [tokenHash, userId, new Date(now.getTime() - DEVICE_MS)]);
    return rowCount === 1;
  }
}

/** False when it was answered by somebody else in the meantime. */
export async function takeChallenge(client: PoolClient, tokenHash: string): Promise<boolean> {
  return (await client.query('DELETE FROM challenges WHERE token_hash = $1', [tokenHash])).rowCount === 1;
}

export async function rememberDevice(client: PoolClient, tokenHash: string, userId: string, now: Date): Promise<void> {
  await client.query('INSERT INTO devices (token_hash, user_id, known_at) VALUES ($1, $2, $3) ON CONFLICT (token_hash, user_id) DO UPDATE SET known_at = $3', [tokenHash, userId, now]);
  await client.query('DELETE FROM devices WHERE user_id = $1 AND token_hash NOT IN (SELECT token_hash FROM devices WHERE user_id = $1 ORDER BY known_at DESC LIMIT $2)', [userId, DEVICES_MAX]);
}

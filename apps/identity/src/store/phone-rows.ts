import type { Pool, PoolClient } from '@countersign/postgres';

export const SMS_CODE_MS = 10 * 60_000;
export const SMS_TRIES_MAX = 5;

export type SmsPurpose = 'enrol' | 'sign-in';

export interface PhoneRow {
  readonly user_id: string;
  readonly state: 'pending' | 'enrolled';
  readonly number: string;
  readonly number_index: string;
}

/** Telephones, and the codes that were sent to them. */
export class PhoneRows {
  constructor(readonly pool: Pool) {}

  async find(userId: string): Promise<PhoneRow | undefined> {
    return (await this.pool.query<PhoneRow>('SELECT user_id, state, number, number_index FROM phones WHERE user_id = $1', [userId])).rows[0];
  }

  /** Takes one try, before the code is looked at. Undefined: none was sent, it is too old, or there is no try left. */
  async tryCode(userId: string, purpose: SmsPurpose, now: Date): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ code_mac: string }>(
      'UPDATE sms_codes SET tries_left = tries_left - 1 WHERE user_id = $1 AND purpose = $2 AND expires_at > $3 AND tries_left > 0 RETURNING code_mac',
      [userId, purpose, now],
    );
    return rows[0]?.code_mac;
  }

  /** Of the code that was sent last; undefined: there is none. */
  async codeEndsAt(userId: string, purpose: SmsPurpose): Promise<Date | undefined> {
    return (await this.pool.query<{ expires_at: Date }>('SELECT expires_at FROM sms_codes WHERE user_id = $1 AND purpose = $2', [userId, purpose])).rows[0]?.expires_at;
  }
}

/** Voids the one before. Returns when it ends. */
export async function putSmsCode(client: PoolClient, userId: string, purpose: SmsPurpose, mac: string, now: Date): Promise<Date> {
  const expiresAt = new Date(now.getTime() + SMS_CODE_MS);
  await client.query(
    `INSERT INTO sms_codes (user_id, purpose, code_mac, expires_at, tries_left) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (user_id, purpose) DO UPDATE SET code_mac = $3, expires_at = $4, tries_left = $5`,
    [userId, purpose, mac, expiresAt, SMS_TRIES_MAX],
  );
  return expiresAt;
}

/** False when it was used, or another one sent, meanwhile. */
export async function takeSmsCode(client: PoolClient, userId: string, purpose: SmsPurpose, mac: string): Promise<boolean> {
  return (await client.query('DELETE FROM sms_codes WHERE user_id = $1 AND purpose = $2 AND code_mac = $3', [userId, purpose, mac])).rowCount === 1;
}

export async function putPhone(client: PoolClient, { user_id, number, number_index }: Omit<PhoneRow, 'state'>): Promise<void> {
  await client.query(
    `INSERT INTO phones (user_id, state, number, number_index) VALUES ($1, 'pending', $2, $3)
     ON CONFLICT (user_id) DO UPDATE SET state = 'pending', number = $2, number_index = $3`,
    [user_id, number, number_index],
  );
}

export async function confirmPhone(client: PoolClient, userId: string): Promise<void> {
  await client.query(`UPDATE phones SET state = 'enrolled' WHERE user_id = $1`, [userId]);
}

export async function removePhone(client: PoolClient, userId: string): Promise<void> {
  await client.query('DELETE FROM sms_codes WHERE user_id = $1', [userId]);
  await client.query('DELETE FROM phones WHERE user_id = $1', [userId]);
}

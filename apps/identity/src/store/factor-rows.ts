import type { RecordedEvent } from '@countersign/event-store';
import type { PoolClient } from '@countersign/postgres';
import { removePhone } from './phone-rows.js';

/**
 * What events say about second factors, apart from what is enrolled, which comes with more than events hold. Counts the user's
 * access on: what is under way in his name was authorised by the factors as they were.
 */
export async function applyFactorEvents(client: PoolClient, userId: string, events: readonly RecordedEvent[]): Promise<void> {
  for (const { type, data } of events) {
    const what = type.slice('identity.user.'.length);
    if (what === 'passkey-removed') await client.query('DELETE FROM passkeys WHERE user_id = $1 AND passkey_id = $2', [userId, data?.['passkeyId']]);
    if (what === 'mfa-reset') {
      await client.query('DELETE FROM passkeys WHERE user_id = $1', [userId]);
      await removePhone(client, userId);
    }
    if (what === 'totp-removed' || what === 'mfa-reset') await client.query(`UPDATE users SET totp_state = 'none', totp = NULL, totp_step = -1 WHERE user_id = $1`, [userId]);
  }
  // As the aggregate has it: codes stand in for a factor, and go with the last one.
  await client.query(
    `DELETE FROM backup_codes WHERE user_id = $1 AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = $1)
     AND NOT EXISTS (SELECT FROM users WHERE user_id = $1 AND totp_state = 'enrolled')`,
    [userId],
  );
  await client.query('UPDATE users SET access = access + 1 WHERE user_id = $1', [userId]);
}

import type { HeldKey, HeldType, Kept, Scrubbed } from '@countersign/contracts';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { inviteeOf } from '../domain/invitation.js';

/** Reading every event takes its time, and nobody waits for it at a screen. */
const SCAN_MS_MAX = 120_000;

interface HeldTable {
  readonly type: string;
  readonly class: HeldType['class'];
  readonly table: string;
  readonly where: string;
}

/** What goes with its owner, in an order that no reference stands against. */
const DELETED: readonly HeldTable[] = [
  { type: 'session', class: 'security', table: 'sessions', where: 'user_id = $1' },
  { type: 'api-key', class: 'security', table: 'api_keys', where: 'user_id = $1' },
  { type: 'passkey', class: 'security', table: 'passkeys', where: 'user_id = $1' },
  { type: 'passkey-challenge', class: 'security', table: 'passkey_challenges', where: 'user_id = $1' },
  { type: 'password', class: 'security', table: 'user_passwords', where: 'user_id = $1' },
  { type: 'backup-code', class: 'security', table: 'backup_codes', where: 'user_id = $1' },
  { type: 'challenge', class: 'security', table: 'challenges', where: 'user_id = $1' },
  { type: 'device', class: 'security', table: 'devices', where: 'user_id = $1' },
  { type: 'sms-code', class: 'security', table: 'sms_codes', where: 'user_id = $1' },
  { type: 'link', class: 'contact', table: 'one_time_links', where: 'user_id = $1' },
  { type: 'phone', class: 'contact', table: 'phones', where: 'user_id = $1' },
  { type: 'mail', class: 'content', table: 'mails', where: 'subject = $1' },
  { type: 'role', class: 'operational', table: 'user_roles', where: 'user_id = $1' },
  { type: 'membership', class: 'operational', table: 'members', where: 'user_id = $1' },
];

/** Somebody's events are the record of what was done, by him and to him: without the key they say it of nobody. */
export const EVENTS_KEPT = 'the record of what was done must stay provable; what it says of you cannot be read any more';

/** How many rows of each kind there are of somebody; kinds of which there are none are left out. */
export async function heldTypes(pool: Pool, userId: string): Promise<HeldType[]> {
  const found: HeldType[] = [];
  const { rows } = await pool.query<{ state: string }>('SELECT state FROM users WHERE user_id = $1', [userId]);
  if (rows[0] !== undefined) found.push({ holder: 'identity', type: 'account', class: 'contact', count: 1, onErasure: 'scrubbed' });
  for (const { type, class: dataClass, table, where } of DELETED) {
    const { rows: [row] } = await pool.query<{ count: string }>(`SELECT count(*) FROM ${table} WHERE ${where}`, [userId]);
    const count = Number(row!.count);
    if (count > 0) found.push({ holder: 'identity', type, class: dataClass, count, onErasure: 'deleted' });
  }
  return found;
}

/** Subjects under whose keys anything lies that is about him: his own in every ledger, and those of his invitations. */
export async function heldKeys(pool: Pool, tenant: string, userId: string): Promise<HeldKey[]> {
  return withTransaction(pool, async (client) => {
    await client.query(`SET LOCAL statement_timeout = ${SCAN_MS_MAX}`);
    const own = await client.query<{ tenant: string }>(`SELECT DISTINCT tenant FROM events WHERE personal @> jsonb_build_array(jsonb_build_object('subject', $1::text)) ORDER BY tenant`, [userId]);
    const invited = await client.query<{ organization: string; invitation_id: string }>(
      `SELECT organization, invitation_id FROM invitations WHERE email_index = (SELECT email_index FROM users WHERE user_id = $1)
       UNION SELECT tenant, split_part(stream, '/', 2) FROM events WHERE type = 'identity.invitation.accepted' AND event::jsonb #>> '{data,userId}' = $1 ORDER BY 1, 2`,
      [userId],
    );
    const tenants = new Set([tenant, ...own.rows.map((row) => row.tenant)]);
    return [...[...tenants].map((each) => ({ tenant: each, subject: userId })), ...invitees(tenant, invited.rows)];
  }, { readOnly: true });
}

/** Their addresses lie under the installation's tenant too, as columns and mails do. */
function invitees(tenant: string, rows: readonly { readonly organization: string; readonly invitation_id: string }[]): HeldKey[] {
  return rows.flatMap(({ organization, invitation_id }) => [{ tenant, subject: inviteeOf(invitation_id) }, { tenant: organization, subject: inviteeOf(invitation_id) }]);
}

export interface Scrub {
  readonly scrubbed: readonly Scrubbed[];
  readonly kept: readonly Kept[];
  readonly keys: readonly HeldKey[];
}

export async function findScrub(pool: Pool, requestId: string): Promise<Scrub | undefined> {
  return (await pool.query<{ outcome: Scrub }>('SELECT outcome FROM subject_scrubs WHERE request_id = $1', [requestId])).rows[0]?.outcome;
}

/** Takes away what is his, and says so. Nobody finds the account by its address any more, and nobody signs in. */
export async function scrubPerson(client: PoolClient, { requestId, userId, isUntold }: { readonly requestId: string; readonly userId: string; readonly isUntold: boolean }, keys: readonly HeldKey[]): Promise<Scrub> {
  await client.query(`UPDATE invitations SET state = 'revoked' WHERE state = 'pending' AND email_index = (SELECT email_index FROM users WHERE user_id = $1)`, [userId]);
  await client.query(`UPDATE invitations SET email_index = NULL WHERE email_index = (SELECT email_index FROM users WHERE user_id = $1)`, [userId]);
  const scrubbed: Scrubbed[] = [];
  for (const { type, class: dataClass, table, where } of DELETED) {
    const { rowCount } = await client.query(`DELETE FROM ${table} WHERE ${where}`, [userId]);
    if ((rowCount ?? 0) > 0) scrubbed.push({ holder: 'identity', class: dataClass, action: 'deleted', count: rowCount ?? 0, type });
  }
  await client.query('UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE created_by = $1', [userId]);
  const { rowCount } = await client.query(
    `UPDATE users SET state = 'erased', email = NULL, name = NULL, locale = NULL, email_index = 'erased:' || user_id, password = '', password_due = NULL,
     totp_state = 'none', totp = NULL, leak_checked_at = NULL, organization = NULL, access = access + 1 WHERE user_id = $1 AND state <> 'erased'`,
    [userId],
  );
  if (rowCount === 1) scrubbed.push({ holder: 'identity', class: 'contact', action: 'scrubbed', count: 1, type: 'account' });
  const outcome: Scrub = { scrubbed, kept: [{ holder: 'identity', type: 'event', class: 'legal', reason: EVENTS_KEPT }], keys };
  await client.query('INSERT INTO subject_scrubs (request_id, user_id, outcome, is_untold) VALUES ($1, $2, $3, $4)', [requestId, userId, outcome, isUntold]);
  return outcome;
}

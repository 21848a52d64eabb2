import type { HeldKey, HeldKind, HeldType, HolderResult, Kept, Scrubbed } from '@countersign/contracts';
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

const INVITATION = 'invitation';
/** Organisations whose invitations are told one by one. */
const INVITING_MAX = 80;

/** What goes with its owner, in an order that no reference stands against. */
const DELETED: readonly HeldTable[] = [
  { type: 'session', class: 'security', table: 'sessions', where: 'user_id = $1' },
  { type: 'api-key', class: 'security', table: 'api_keys', where: 'user_id = $1' },
  { type: 'passkey', class: 'security', table: 'passkeys', where: 'user_id = $1' },
  { type: 'passkey-challenge', class: 'security', table: 'passkey_challenges', where: 'user_id = $1' },
  { type: 'password', class: 'security', table: 'user_passwords', where: 'user_id = $1' },
  { type: 'backup-code', class: 'security', table: 'backup_codes', where: 'user_id = $1' },
  { type: 'challenge', class: 'security', table: 'challenges', where: 'user_id = $1' },
  { type: 'sign-in-device', class: 'security', table: 'devices', where: 'user_id = $1' },
  { type: 'sms-code', class: 'security', table: 'sms_codes', where: 'user_id = $1' },
  { type: 'link', class: 'contact', table: 'one_time_links', where: 'user_id = $1' },
  { type: 'phone', class: 'contact', table: 'phones', where: 'user_id = $1' },
  { type: 'mail', class: 'content', table: 'mails', where: 'subject = $1' },
  { type: 'role', class: 'operational', table: 'user_roles', where: 'user_id = $1' },
  { type: 'membership', class: 'operational', table: 'members', where: 'user_id = $1' },
];

/** Somebody's events are the record of what was done, by him and to him: without the key they say it of nobody. */
export const EVENTS_KEPT = 'the record of what was done must stay provable; what it says of you cannot be read any more';

/** How many rows of each kind there are of somebody. Nothing of his is older than his account, but the invitation to it. */
export async function heldTypes(pool: Pool, { tenant, organization: home }: { readonly tenant: string; readonly organization: string }, userId: string): Promise<HeldKind[]> {
  const { rows: [user] } = await pool.query<{ state: string; organization: string | null; created_at: Date }>('SELECT state, organization, created_at FROM users WHERE user_id = $1', [userId]);
  if (user === undefined) return [];
  const of = { holder: 'identity', tenant: user.organization ?? home, oldest: user.created_at.toISOString(), under: [{ tenant, subject: userId }] };
  const found: HeldKind[] = [{ ...of, type: 'account', class: 'contact', count: user.state === 'erased' ? 0 : 1, onErasure: 'scrubbed' }];
  for (const { type, class: dataClass, table, where } of DELETED) {
    const { rows: [row] } = await pool.query<{ count: string }>(`SELECT count(*) FROM ${table} WHERE ${where}`, [userId]);
    found.push({ ...of, type, class: dataClass, count: Number(row!.count), onErasure: 'deleted' });
  }
  return [...found, ...(await heldInvitations(pool, tenant, userId))];
}

/** To him, by organisation: each is about a subject of its own. */
async function heldInvitations(pool: Pool, tenant: string, userId: string): Promise<HeldKind[]> {
  const { rows } = await pool.query<{ organization: string; oldest: Date; ids: string[] }>(
    `SELECT organization, min(invited_at) AS oldest, array_agg(invitation_id ORDER BY invitation_id) AS ids FROM invitations
     WHERE email_index = (SELECT email_index FROM users WHERE user_id = $1) GROUP BY organization ORDER BY organization LIMIT $2`,
    [userId, INVITING_MAX],
  );
  return rows.map(({ organization, oldest, ids }) => ({
    holder: 'identity', type: INVITATION, class: 'contact', count: ids.length, onErasure: 'scrubbed', tenant: organization, oldest: oldest.toISOString(),
    subjects: ids.map(inviteeOf), under: invitees(tenant, ids.map((invitation_id) => ({ organization, invitation_id }))),
  }));
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
  /** Rows of before have none. */
  readonly held?: HolderResult<'held-scrub-subject'>['held'];
}

export async function findScrub(pool: Pool, requestId: string): Promise<Scrub | undefined> {
  return (await pool.query<{ outcome: Scrub }>('SELECT outcome FROM subject_scrubs WHERE request_id = $1', [requestId])).rows[0]?.outcome;
}

interface ScrubOrder {
  readonly requestId: string;
  readonly userId: string;
  readonly isUntold: boolean;
  /** Types that a hold covers. */
  readonly keep: readonly string[];
}

/** Takes away what is his and no hold covers, and says so. Nobody finds the account by its address any more, unless it is held, and nobody signs in. */
export async function scrubPerson(client: PoolClient, { requestId, userId, isUntold, keep }: ScrubOrder, keys: readonly HeldKey[]): Promise<Scrub> {
  const [scrubbed, held]: [Scrubbed[], NonNullable<Scrub['held']>[number][]] = [[], []];
  await client.query(`UPDATE invitations SET state = 'revoked' WHERE state = 'pending' AND email_index = (SELECT email_index FROM users WHERE user_id = $1)`, [userId]);
  const invited = '(SELECT email_index FROM users WHERE user_id = $1)';
  const invitations = await take(client, { type: INVITATION, class: 'contact' }, keep, held, `invitations WHERE email_index = ${invited}`, `UPDATE invitations SET email_index = NULL WHERE email_index = ${invited}`, userId);
  if (invitations > 0) scrubbed.push({ holder: 'identity', class: 'contact', action: 'scrubbed', count: invitations, type: INVITATION });
  for (const { type, class: dataClass, table, where } of DELETED) {
    const count = await take(client, { type, class: dataClass }, keep, held, `${table} WHERE ${where}`, `DELETE FROM ${table} WHERE ${where}`, userId);
    if (count > 0) scrubbed.push({ holder: 'identity', class: dataClass, action: 'deleted', count, type });
  }
  await client.query('UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE created_by = $1 OR user_id = $1', [userId]);
  const accounts = await take(client, { type: 'account', class: 'contact' }, keep, held, `users WHERE user_id = $1 AND state <> 'erased'`, SCRUB_ACCOUNT_SQL, userId, [held.length > 0]);
  if (accounts === 1) scrubbed.push({ holder: 'identity', class: 'contact', action: 'scrubbed', count: 1, type: 'account' });
  // Its stream says that it is erased: nobody enables it again.
  await client.query(`UPDATE users SET state = 'disabled', access = access + 1 WHERE user_id = $1 AND state = 'active'`, [userId]);
  const outcome: Scrub = { scrubbed, kept: [{ holder: 'identity', type: 'event', class: 'legal', reason: EVENTS_KEPT }], keys, held };
  await client.query('INSERT INTO subject_scrubs (request_id, user_id, outcome, is_untold) VALUES ($1, $2, $3, $4)', [requestId, userId, outcome, isUntold]);
  return outcome;
}

/** Which organisation it is of stays known while something of it is held: else the hold would be another one's. */
const SCRUB_ACCOUNT_SQL = `UPDATE users SET state = 'erased', email = NULL, name = NULL, locale = NULL, email_index = 'erased:' || user_id, password = '', password_due = NULL,
  totp_state = 'none', totp = NULL, leak_checked_at = NULL, organization = CASE WHEN $2 THEN organization END, access = access + 1 WHERE user_id = $1 AND state <> 'erased'`;

/** How many went: none, when it is kept. */
async function take(client: PoolClient, { type, class: dataClass }: Pick<HeldTable, 'type' | 'class'>, keep: readonly string[], held: NonNullable<Scrub['held']>[number][], rows: string, sql: string, userId: string, more: readonly boolean[] = []): Promise<number> {
  if (!keep.includes(type)) return (await client.query(sql, [userId, ...more])).rowCount ?? 0;
  const { rows: [row] } = await client.query<{ count: string }>(`SELECT count(*) FROM ${rows}`, [userId]);
  if (Number(row!.count) > 0) held.push({ type, class: dataClass, count: Number(row!.count) });
  return 0;
}

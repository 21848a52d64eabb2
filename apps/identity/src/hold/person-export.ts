import type { HeldRecord, HolderArgs, HolderResult } from '@countersign/contracts';
import type { Flows } from '../parts.js';
import { phonePlace } from '../account/phone.js';
import { passkeyName } from '../passkeys/enrol-passkey.js';

type Row = Readonly<Record<string, unknown>>;
type Records = (flows: Flows, userId: string, after: string, limit: number) => Promise<{ readonly records: HeldRecord[]; readonly last?: string }>;

/** Parts of an export, in the order in which they come. */
const SECTIONS: Readonly<Record<string, Records>> = { account, phone, session: sessions, passkey: passkeys, 'api-key': apiKeys, membership: memberships };
const NAMES = Object.keys(SECTIONS);

/** Everything that identity holds of somebody, section by section. What was erased meanwhile is left out. */
export async function exportPerson(flows: Flows, { subject, after, limit }: Pick<HolderArgs<'held-export'>, 'subject' | 'after' | 'limit'>): Promise<HolderResult<'held-export'>> {
  const [name = NAMES[0]!, from = ''] = after?.split(' ') ?? [];
  const at = NAMES.indexOf(name);
  if (at < 0) return { records: [] };
  const { records, last } = await SECTIONS[name]!(flows, subject, from, limit);
  if (last !== undefined) return { records, next: `${name} ${last}` };
  const following = NAMES[at + 1];
  return following === undefined ? { records } : { records, next: `${following} ` };
}

const iso = (value: unknown): string | undefined => (value instanceof Date ? value.toISOString() : undefined);
const record = (type: string, dataClass: HeldRecord['class'], id: string, value: Readonly<Record<string, unknown>>, at?: unknown): HeldRecord => {
  const time = iso(at);
  return { type, class: dataClass, id, ...(time === undefined ? {} : { at: time }), value: Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined && each !== null)) };
};

async function account({ users, columns }: Flows, userId: string): ReturnType<Records> {
  const user = await users.find(userId);
  if (user === undefined) return { records: [] };
  const place = (column: string, sealed: string | null) => ({ subject: userId, table: 'users', column, row: userId, sealed });
  const [email, name] = await columns.open([place('email', user.email), place('name', user.name)]);
  const { locale, state, organization, created_at, is_mfa_enrolled, roles } = user;
  return { records: [record('account', 'contact', userId, { email, name, locale, state, organization, isMfaEnrolled: is_mfa_enrolled, roles }, created_at)] };
}

async function phone({ phones, columns }: Flows, userId: string): ReturnType<Records> {
  const { rows } = await phones.pool.query<{ state: string; number: string }>('SELECT state, number FROM phones WHERE user_id = $1', [userId]);
  const numbers = await columns.open(rows.map(({ number }) => ({ ...phonePlace(userId), sealed: number })));
  return { records: rows.map(({ state }, n) => record('phone', 'contact', userId, { number: numbers[n], state })) };
}

async function paged(flows: Flows, sql: string, userId: string, after: string, limit: number, id: string): Promise<{ readonly rows: Row[]; readonly last?: string }> {
  const { rows } = await flows.users.pool.query<Row>(`${sql} AND ${id} > $2 ORDER BY ${id} LIMIT $3`, [userId, after, limit]);
  return rows.length < limit ? { rows } : { rows, last: rows.at(-1)![id] as string };
}

async function sessions(flows: Flows, userId: string, after: string, limit: number): ReturnType<Records> {
  const { rows, last } = await paged(flows, 'SELECT session_id, started_at, seen_at, expires_at, ended_at, organization, assurance, origin FROM sessions WHERE user_id = $1', userId, after, limit, 'session_id');
  const origins = await flows.columns.open(rows.map((row) => ({ subject: userId, table: 'sessions', column: 'origin', row: row['session_id'] as string, sealed: row['origin'] as string | null })));
  const value = (row: Row, n: number) => ({
    ...(origins[n] === undefined ? {} : (JSON.parse(origins[n]) as object)), startedAt: iso(row['started_at']), seenAt: iso(row['seen_at']), expiresAt: iso(row['expires_at']),
    endedAt: iso(row['ended_at']), organization: row['organization'], assurance: row['assurance'],
  });
  return { records: rows.map((row, n) => record('session', 'security', row['session_id'] as string, value(row, n), row['started_at'])), ...(last === undefined ? {} : { last }) };
}

async function passkeys(flows: Flows, userId: string, after: string, limit: number): ReturnType<Records> {
  const { rows, last } = await paged(flows, 'SELECT passkey_id, name, created_at, used_at, transports FROM passkeys WHERE user_id = $1', userId, after, limit, 'passkey_id');
  const names = await flows.columns.open(rows.map((row) => ({ ...passkeyName(userId, row['passkey_id'] as string), sealed: row['name'] as string | null })));
  const value = (row: Row, n: number) => ({ name: names[n], createdAt: iso(row['created_at']), usedAt: iso(row['used_at']), transports: row['transports'] });
  return { records: rows.map((row, n) => record('passkey', 'security', row['passkey_id'] as string, value(row, n), row['created_at'])), ...(last === undefined ? {} : { last }) };
}

async function apiKeys(flows: Flows, userId: string, after: string, limit: number): ReturnType<Records> {
  const { rows, last } = await paged(flows, 'SELECT key_id, name, preview, organization, created_at, expires_at, last_used_at, revoked_at FROM api_keys WHERE user_id = $1', userId, after, limit, 'key_id');
  const names = await flows.columns.open(rows.map((row) => ({ subject: userId, table: 'api_keys', column: 'name', row: row['key_id'] as string, sealed: row['name'] as string })));
  const value = (row: Row, n: number) => ({
    name: names[n], preview: row['preview'], organization: row['organization'], expiresAt: iso(row['expires_at']), lastUsedAt: iso(row['last_used_at']), revokedAt: iso(row['revoked_at']),
  });
  return { records: rows.map((row, n) => record('api-key', 'security', row['key_id'] as string, value(row, n), row['created_at'])), ...(last === undefined ? {} : { last }) };
}

async function memberships(flows: Flows, userId: string, after: string, limit: number): ReturnType<Records> {
  const { rows, last } = await paged(flows, 'SELECT organization, joined_at FROM members WHERE user_id = $1', userId, after, limit, 'organization');
  return { records: rows.map((row) => record('membership', 'operational', row['organization'] as string, { organization: row['organization'] }, row['joined_at'])), ...(last === undefined ? {} : { last }) };
}

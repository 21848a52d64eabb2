import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allows, decodeSet } from '@countersign/access';
import { API_KEY_DAYS_MAX, API_KEY_REFUSED_EVENT, IDENTITY_DENIED_EVENT, type IdentityArgsInput, type KeyPrincipal, type RequestContext } from '@countersign/contracts';
import { newApiKey, newSessionToken } from '@countersign/credentials';
import type { SessionCache } from '@countersign/identity-client';
import { codeOf, IdentityFixture, type Person } from './fixture/identity-fixture.js';
import { until } from './fixture/until.js';

const HOME = 'home';
const DAY_MS = 86_400_000;
const READ_USERS = { permission: 'user.read', scope: 'global' } as const;
const WRITE_EVENTS = { permission: 'event.write', scope: 'organization' } as const;
let fixture: IdentityFixture;
let admin: Person;
/** Holds less than the owner of the platform: there is more to ask for. */
let limited: Person;
let edges: readonly SessionCache[];
let accounts = 0;

beforeAll(async () => {
  fixture = await IdentityFixture.make();
  admin = await fixture.administrator();
  edges = await Promise.all([1, 2].map(async () => (await fixture.openEdge()).cache));
  limited = await administrator();
  await until('leases', () => edges.every((edge) => edge.isTrusted()));
}, 120_000);
afterAll(() => fixture.close());

const fresh = async (person: Person): Promise<void> => void (await fixture.ask('step-up', person.browser, { code: fixture.code(person) }));
const shown = (apiKey: string): RequestContext => ({ ip: '192.0.2.7', userAgent: 'curl/8', correlationId: 'request-1', apiKey });
/** Asks identity itself. */
const check = (apiKey: string): Promise<KeyPrincipal> => fixture.askWith(shown(apiKey), 'api-key-check', {});
const may = ({ permissions }: KeyPrincipal, { permission, scope }: typeof READ_USERS | typeof WRITE_EVENTS): boolean => allows(decodeSet(permissions), permission, scope);

/** An administrator besides the first one. */
async function administrator(role = 'admin', organization?: string): Promise<Person> {
  const person = await fixture.person();
  await fixture.enrol(person);
  await fresh(admin);
  await fixture.ask('role-grant', admin.browser, { userId: person.userId, role, organization });
  await fresh(person);
  return person;
}

async function keyOf(person: Person, args: Partial<IdentityArgsInput<'api-key-create'>> = {}): Promise<{ key: string; keyId: string }> {
  await fresh(person);
  const { key, apiKey } = await fixture.ask('api-key-create', person.browser, { name: 'a key', grants: [READ_USERS], ...args });
  return { key, keyId: apiKey.keyId };
}

/** A service account of the home organisation that may write events, and a key of it made by `maker`. */
async function service(maker: Person): Promise<{ accountId: string; key: string; keyId: string; name: string }> {
  const name = `billing-${++accounts}`;
  await fresh(maker);
  const { accountId } = await fixture.ask('service-account-create', maker.browser, { name, organization: HOME });
  await fresh(admin);
  await fixture.ask('service-account-role-grant', admin.browser, { accountId, role: 'service', organization: HOME });
  return { accountId, name, ...(await keyOf(maker, { accountId, grants: [WRITE_EVENTS] })) };
}

/** A key with a checksum that fits, which takes nothing secret. */
function checksummed(body: string): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let text = '';
  for (let value = crc32(body); text.length < 6; value = Math.floor(value / 62)) text = digits[value % 62]! + text;
  return body + text;
}

describe('an API key', () => {
  it('is shown once, and lies nowhere in clear', async () => {
    const person = limited;
    await fresh(person);
    const { key, apiKey } = await fixture.ask('api-key-create', person.browser, { name: "Ana's laptop", grants: [READ_USERS], days: 7 });
    expect(key).toMatch(/^csk_/);
    expect(apiKey).toMatchObject({ name: "Ana's laptop", userId: person.userId, createdBy: person.userId, grants: [READ_USERS], preview: `csk_${apiKey.keyId}_…${key.slice(-4)}` });
    const { apiKeys } = await fixture.ask('api-key-list', person.browser, {});
    expect(apiKeys).toContainEqual(apiKey);
    const { rows } = await fixture.pool.query('SELECT row_to_json(k)::text AS row FROM api_keys k UNION ALL SELECT event FROM events');
    const secret = key.split('_')[2]!.slice(0, 43);
    for (const { row } of rows as { row: string }[]) for (const canary of [secret, "Ana's laptop"]) expect(row).not.toContain(canary);
    await until('on record', () => fixture.recorded('identity.api-key.created').some(({ resource }) => resource?.id === apiKey.keyId));
    const event = fixture.recorded('identity.api-key.created').find(({ resource }) => resource?.id === apiKey.keyId);
    expect(event).toMatchObject({ actor: { type: 'user', id: person.userId }, data: { grants: ['user.read:global'] }, personal: [{ subject: person.userId, data: { name: "Ana's laptop" } }, { subject: person.userId, data: { ip: person.browser.ip, userAgent: 'Browser/1.0' } }] });
  });

  it('does in its owner\'s name what it was given, and nothing else that he may', async () => {
    const person = limited;
    const { key, keyId } = await keyOf(person);
    const other = await fixture.person();
    expect((await fixture.askWith(shown(key), 'user-show', { userId: other.userId })).userId).toBe(other.userId);
    const codes = await Promise.all([
      codeOf(fixture.askWith(shown(key), 'session-revoke-all', { userId: other.userId })),
      codeOf(fixture.askWith(shown(key), 'session-list', {})),
      codeOf(fixture.askWith(shown(key), 'session-check', {})),
      codeOf(fixture.askWith(shown(key), 'sign-out', {})),
      codeOf(fixture.askWith(shown(key), 'step-up', { password: 'x' })),
      codeOf(fixture.askWith(shown(key), 'change-password', { current: 'x', next: 'y' })),
      codeOf(fixture.askWith(shown(key), 'api-key-create', { name: 'more', grants: [READ_USERS] })),
    ]);
    expect(new Set(codes)).toEqual(new Set(['FORBIDDEN']));
    await until('denials', () => fixture.recorded(IDENTITY_DENIED_EVENT).some(({ actor, data }) => actor.id === keyId && data?.['operation'] === 'api-key-create'));
  });

  it('writes in the name of the key, with where it came from', async () => {
    const person = limited;
    const { key, keyId } = await keyOf(person, { grants: [{ permission: 'user.unlock', scope: 'global' }] });
    const other = await fixture.person();
    await fixture.askWith(shown(key), 'user-unlock', { userId: other.userId });
    await until('on record', () => fixture.recorded('identity.user.unlocked').some(({ resource }) => resource?.id === other.userId));
    expect(fixture.recorded('identity.user.unlocked').find(({ resource }) => resource?.id === other.userId)).toMatchObject({ actor: { type: 'api-key', id: keyId }, personal: [{ subject: person.userId, data: { ip: '192.0.2.7', userAgent: 'curl/8' } }] });
  });

  it.each<[string, string, Partial<IdentityArgsInput<'api-key-create'>>]>([
    ['GRANT_EXCEEDS_OWN', 'what its maker does not', { grants: [READ_USERS, { permission: 'quarantine.read', scope: 'global' }] }],
    ['GRANT_EXCEEDS_OWN', 'the same over more', { grants: [{ permission: 'audit.read-personal', scope: 'global' }] }],
    ['PERMISSION_NOT_GRANTABLE', 'what is for persons alone', { grants: [{ permission: 'role.assign', scope: 'global' }] }],
    ['PERMISSION_NOT_GRANTABLE', 'what does not exist', { grants: [{ permission: 'world.rule', scope: 'global' }] }],
    ['PERMISSION_NOT_GRANTABLE', 'what is not of that scope', { grants: [{ permission: 'user.disable', scope: 'own' }] }],
    ['REQUEST_MALFORMED', 'for longer than any', { days: API_KEY_DAYS_MAX + 1 }],
    ['ORGANIZATION_UNKNOWN', 'in another organisation', { organization: 'elsewhere' }],
    ['SERVICE_ACCOUNT_UNKNOWN', 'for nobody', { accountId: 'nobody' }],
  ])('%s: is not made to hold %s', async (code, _what, args) => {
    await fresh(limited);
    expect(await codeOf(fixture.ask('api-key-create', limited.browser, { name: 'x', grants: [READ_USERS], ...args }))).toBe(code);
  });

  it('asks for a fresh proof of who makes it', async () => {
    const person = limited;
    fixture.offsetMs += 16 * 60_000;
    expect(await codeOf(fixture.ask('api-key-create', person.browser, { name: 'x', grants: [READ_USERS] }))).toBe('STEP_UP_REQUIRED');
  });

  it('that is guessed, altered or made up is refused alike, and on record as a number', async () => {
    const { key, keyId } = await keyOf(admin);
    const guess = newApiKey().text;
    const altered = checksummed(`csk_${keyId}_${guess.slice(-49, -6)}`);
    for (let i = 0; i < 5; i++) expect(await codeOf(check(guess))).toBe('API_KEY_REFUSED');
    expect(await codeOf(check(altered))).toBe('API_KEY_REFUSED');
    const sum = (id: string | undefined): number => fixture.recorded(API_KEY_REFUSED_EVENT).filter(({ resource }) => resource?.id === id).reduce((all, { data }) => all + Number(data?.['count']), 0);
    await until('guesses', () => sum(undefined) === 5 && sum(keyId) === 1);
    expect(fixture.recorded(API_KEY_REFUSED_EVENT).find(({ resource }) => resource?.id === keyId)).toMatchObject({ outcome: 'denied', severity: 'warning', data: { why: 'API_KEY_REFUSED' }, personal: [{ data: { ip: '192.0.2.7' } }] });
    expect((await check(key)).keyId).toBe(keyId);
  });

  it('has its last use told, behind the request', async () => {
    const { key, keyId } = await keyOf(admin);
    const used = async (): Promise<string | undefined> => (await fixture.ask('api-key-list', admin.browser, {})).apiKeys.find((one) => one.keyId === keyId)?.lastUsedAt;
    expect(await used()).toBeUndefined();
    await check(key);
    await until('last use', async () => (await used()) !== undefined);
    const first = await used();
    await check(key);
    fixture.offsetMs += 61_000;
    await check(key);
    await until('a later use', async () => (await used()) !== first);
  });
});

describe('a key ends at every edge before the call returns when', () => {
  /** Cached at both edges, then `end`; what each edge says afterwards. */
  async function endOf(key: string, end: () => Promise<unknown>): Promise<string[]> {
    for (const edge of edges) await edge.checkKey(shown(key));
    await end();
    return Promise.all(edges.map((edge) => codeOf(edge.checkKey(shown(key)))));
  }

  it('it is revoked, by its owner or by an administrator', async () => {
    const person = limited;
    const [own, other] = [await keyOf(person), await keyOf(person)];
    expect(await endOf(own.key, () => fixture.ask('api-key-revoke', person.browser, { keyId: own.keyId }))).toEqual(['API_KEY_REVOKED', 'API_KEY_REVOKED']);
    expect(await endOf(other.key, () => fixture.ask('api-key-revoke', admin.browser, { keyId: other.keyId }))).toEqual(['API_KEY_REVOKED', 'API_KEY_REVOKED']);
    const listed = (await fixture.ask('api-key-list', person.browser, {})).apiKeys.map(({ keyId }) => keyId);
    expect(listed).toEqual(expect.not.arrayContaining([own.keyId]));
    expect(listed).toEqual(expect.not.arrayContaining([other.keyId]));
    expect(await codeOf(fixture.ask('api-key-revoke', (await fixture.person()).browser, { keyId: own.keyId }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('api-key-revoke', admin.browser, { keyId: 'aaaaaaaaaaaa' }))).toBe('API_KEY_UNKNOWN');
  });

  it('its owner is disabled, and it does not come back with him', async () => {
    const person = await administrator();
    const { key } = await keyOf(person);
    await fresh(admin);
    expect(await endOf(key, () => fixture.ask('user-disable', admin.browser, { userId: person.userId, reason: 'left' }))).toEqual(['API_KEY_REVOKED', 'API_KEY_REVOKED']);
    await fixture.ask('user-enable', admin.browser, { userId: person.userId });
    expect(await codeOf(check(key))).toBe('API_KEY_REVOKED');
  });

  it('somebody else took its owner\'s factors, until he has proved all that his account asks for; a service goes on', async () => {
    const person = await administrator();
    const { key } = await keyOf(person);
    const made = await service(person);
    await fresh(admin);
    expect(await endOf(key, () => fixture.ask('mfa-reset', admin.browser, { userId: person.userId, reason: 'lost' }))).toEqual(['API_KEY_SUSPENDED', 'API_KEY_SUSPENDED']);
    expect((await check(made.key)).kind).toBe('service-account');
    await fixture.signIn(person.browser, person.email);
    expect(await codeOf(check(key))).toBe('API_KEY_SUSPENDED');
    await fixture.enrol(person);
    await fixture.ask('session-check', person.browser, {});
    expect((await check(key)).userId).toBe(person.userId);
    await until('on record', () => fixture.recorded('identity.user.api-keys-resumed').some(({ resource }) => resource?.id === person.userId));
    await fixture.pool.query(`UPDATE users SET password_due = 'leaked' WHERE user_id = $1`, [person.userId]);
    expect(await codeOf(check(key))).toBe('API_KEY_SUSPENDED');
    await fixture.pool.query('UPDATE users SET password_due = NULL WHERE user_id = $1', [person.userId]);
    expect(await codeOf(check(key))).toBe('none');
  });

  it('a mailed link set its owner\'s password, until he has signed in', async () => {
    const person = await administrator();
    const { key } = await keyOf(person);
    await fixture.ask('password-reset-ask', fixture.browser(), { email: person.email });
    const { token, digest } = newSessionToken();
    await fixture.pool.query('UPDATE one_time_links SET token_hash = $2 WHERE user_id = $1', [person.userId, digest]);
    const password = 'another passphrase of his';
    expect(await endOf(key, () => fixture.ask('password-reset', fixture.browser(), { token, password }))).toEqual(['API_KEY_SUSPENDED', 'API_KEY_SUSPENDED']);
    const challenged = await fixture.ask('sign-in', person.browser, { email: person.email, password });
    expect(await codeOf(check(key))).toBe('API_KEY_SUSPENDED');
    await fixture.ask('verify-mfa', person.browser, { challenge: 'challenge' in challenged ? challenged.challenge : '', code: fixture.code(person) });
    expect((await check(key)).userId).toBe(person.userId);
  });

  it('its account is disabled, for as long', async () => {
    const { accountId, key } = await service(admin);
    await fresh(admin);
    expect(await endOf(key, () => fixture.ask('service-account-disable', admin.browser, { accountId, reason: 'moved' }))).toEqual(['API_KEY_REVOKED', 'API_KEY_REVOKED']);
    expect(await codeOf(fixture.ask('api-key-create', admin.browser, { accountId, name: 'x', grants: [WRITE_EVENTS] }))).toBe('SERVICE_ACCOUNT_DISABLED');
    await fixture.ask('service-account-enable', admin.browser, { accountId });
    expect((await check(key)).kind).toBe('service-account');
  });

  it('its time is over', async () => {
    const { key } = await keyOf(admin, { days: 1 });
    fixture.offsetMs += DAY_MS;
    expect(await codeOf(check(key))).toBe('API_KEY_EXPIRED');
  });
});

describe('what a key may do shrinks at once with what', () => {
  async function shrinks(key: string, grant: typeof READ_USERS | typeof WRITE_EVENTS, take: () => Promise<unknown>): Promise<void> {
    for (const edge of edges) expect(may(await edge.checkKey(shown(key)), grant)).toBe(true);
    await take();
    for (const edge of edges) expect(may(await edge.checkKey(shown(key)), grant)).toBe(false);
  }

  it('its owner may do', async () => {
    const person = await administrator();
    const { key } = await keyOf(person);
    await fresh(admin);
    await shrinks(key, READ_USERS, () => fixture.ask('role-revoke', admin.browser, { userId: person.userId, role: 'admin' }));
    expect(await codeOf(fixture.askWith(shown(key), 'user-list', {}))).toBe('FORBIDDEN');
  });

  it('the maker of an account\'s key may do', async () => {
    const maker = await administrator();
    const { key } = await service(maker);
    await fresh(admin);
    await shrinks(key, WRITE_EVENTS, () => fixture.ask('role-revoke', admin.browser, { userId: maker.userId, role: 'admin' }));
  });

  it('a role of its organisation\'s own that the account holds grants', async () => {
    const role = 'event-writers';
    const grants = [{ permission: 'event.write', scope: 'organization' as const }];
    await fresh(admin);
    await fixture.ask('role-define', admin.browser, { organization: HOME, role, description: 'x', grants });
    const { accountId } = await fixture.ask('service-account-create', admin.browser, { name: 'with-own-role', organization: HOME });
    await fixture.ask('service-account-role-grant', admin.browser, { accountId, role, organization: HOME });
    const { key } = await keyOf(admin, { accountId, grants: [WRITE_EVENTS] });
    expect(await codeOf(fixture.ask('role-remove', admin.browser, { organization: HOME, role }))).toBe('ROLE_IN_USE');
    await shrinks(key, WRITE_EVENTS, () => fixture.ask('role-change', admin.browser, { organization: HOME, role, description: 'x', grants: [{ permission: 'role.read', scope: 'organization' }] }));
    await fixture.ask('service-account-role-revoke', admin.browser, { accountId, role, organization: HOME });
    expect(await codeOf(fixture.ask('role-remove', admin.browser, { organization: HOME, role }))).toBe('none');
    expect(await codeOf(fixture.ask('service-account-role-grant', admin.browser, { accountId, role, organization: HOME }))).toBe('ROLE_UNKNOWN');
  });

  it('the account may do', async () => {
    const { key, accountId } = await service(admin);
    await fresh(admin);
    await shrinks(key, WRITE_EVENTS, () => fixture.ask('service-account-role-revoke', admin.browser, { accountId, role: 'service', organization: HOME }));
    expect(await codeOf(fixture.ask('api-key-create', admin.browser, { accountId, name: 'x', grants: [WRITE_EVENTS] }))).toBe('GRANT_EXCEEDS_OWN');
  });
});

describe('a service account', () => {
  it('acts in its organisation under its own name, and only an administrator there reaches it', async () => {
    const { key, accountId, name } = await service(admin);
    expect(await check(key)).toMatchObject({ kind: 'service-account', userId: accountId, createdBy: admin.userId, organization: HOME, serviceName: name });
    const local = await administrator('admin', HOME);
    const { serviceAccounts } = await fixture.ask('service-account-list', local.browser, {});
    expect(serviceAccounts.find((one) => one.accountId === accountId)).toMatchObject({ name, organization: HOME, state: 'active', roles: [{ role: 'service', organization: HOME }] });
    const keys = async () => (await fixture.ask('api-key-list', local.browser, { accountId })).apiKeys;
    await until('last use', async () => (await keys())[0]?.lastUsedAt !== undefined);
    expect(await keys()).toMatchObject([{ accountId, lastUsedAt: expect.any(String) }]);
    expect(await codeOf(fixture.ask('service-account-create', local.browser, { name: 'of-all' }))).toBe('FORBIDDEN');
    const stranger = await fixture.person();
    expect(await codeOf(fixture.ask('service-account-disable', stranger.browser, { accountId, reason: 'x' }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('api-key-list', stranger.browser, { accountId }))).toBe('FORBIDDEN');
  });

  it('is recorded in the ledger of its organisation, with its keys and what they were refused; one of before where it was', async () => {
    const ledgersOf = async (...streams: readonly string[]) => (await fixture.pool.query<{ tenant: string }>('SELECT DISTINCT tenant FROM events WHERE stream = ANY($1)', [streams])).rows.map(({ tenant }) => tenant);
    const made = await service(admin);
    const old = await service(admin);
    await fixture.pool.query('UPDATE service_accounts SET ledger = NULL WHERE account_id = $1', [old.accountId]);
    await fixture.pool.query(`UPDATE events SET tenant = 'system' WHERE stream = $1`, [`service-account/${old.accountId}`]);
    await fresh(admin);
    for (const { accountId } of [made, old]) await fixture.ask('service-account-disable', admin.browser, { accountId, reason: 'moved' });
    expect(await ledgersOf(`service-account/${made.accountId}`, `api-key/${made.keyId}`)).toEqual([HOME]);
    expect(await ledgersOf(`service-account/${old.accountId}`)).toEqual(['system']);
    expect(await codeOf(check(made.key))).toBe('API_KEY_REVOKED');
    const person = await fixture.person();
    expect(await codeOf(fixture.ask('user-list', person.browser, {}))).toBe('FORBIDDEN');
    const { rows } = await fixture.pool.query(`SELECT tenant, type FROM events WHERE event LIKE ANY($1) AND (type = 'identity.api-key.refused' OR type = $2)`, [[`%"id":"${made.keyId}"%`, `%"id":"${person.userId}"%`], IDENTITY_DENIED_EVENT]);
    expect(rows).toEqual(expect.arrayContaining([{ tenant: HOME, type: 'identity.api-key.refused' }, { tenant: HOME, type: IDENTITY_DENIED_EVENT }]));
    expect(new Set(rows.map(({ tenant }: { tenant: string }) => tenant))).toEqual(new Set([HOME]));
  });

  it('is refused a name that is taken, roles of persons, and roles elsewhere', async () => {
    const { accountId, name } = await service(admin);
    await fresh(admin);
    const assign = (role: string, organization?: string) => codeOf(fixture.ask('service-account-role-grant', admin.browser, { accountId, role, organization }));
    expect([
      await codeOf(fixture.ask('service-account-create', admin.browser, { name, organization: HOME })),
      await codeOf(fixture.ask('service-account-create', admin.browser, { name, organization: 'elsewhere' })),
      await assign('owner', HOME),
      await assign('service'),
      await assign('service', 'elsewhere'),
    ]).toEqual(['SERVICE_ACCOUNT_NAME_TAKEN', 'ORGANIZATION_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'ORGANIZATION_UNKNOWN']);
  });
});

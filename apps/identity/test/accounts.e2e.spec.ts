import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { choosePort } from '@countersign/devstack';
import { eventStoreMigrationSql, eventStoreTracesSql } from '@countersign/event-store';
import { rotationMigrationSql } from '@countersign/rotation';
import { ENCRYPTED_COLUMNS } from '../src/store/encrypted-columns.js';
import { codeOf, IdentityFixture, PASSWORD, type Person } from './fixture/identity-fixture.js';
import { until } from './fixture/until.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
let fixture: IdentityFixture;
let admin: Person;

beforeAll(async () => {
  fixture = await IdentityFixture.make();
  admin = await fixture.administrator();
}, 120_000);
afterAll(() => fixture.close());

describe('the first administrator', () => {
  it('is made once', async () => {
    expect(await codeOf(fixture.asOperator('admin-create', { email: 'second@example.com', name: 'Second', password: PASSWORD }))).toBe('ADMIN_EXISTS');
    expect(await codeOf(fixture.ask('sign-in', fixture.browser(), { email: 'second@example.com', password: PASSWORD }))).toBe('SIGN_IN_REFUSED');
  });

  it('cannot be made through the edge', async () => {
    const { bus } = await fixture.openEdge();
    const { data } = await bus.request('identity.admin-create.edge', JSON.stringify({ context: fixture.context(fixture.browser()), args: {} }), { timeoutMs: 10_000 });
    expect(JSON.parse(Buffer.from(data).toString())).toMatchObject({ error: { code: 'REQUEST_MALFORMED', field: 'operation' } });
  });
});

describe('registration', () => {
  it('answers the same for an address that is taken, and makes no second account of it', async () => {
    const person = await fixture.person();
    const before = fixture.recorded('identity.registration.refused').length;
    expect(await fixture.ask('register', fixture.browser(), { email: person.email.toUpperCase(), name: 'Other', password: 'another password entirely' })).toEqual({});
    expect(await codeOf(fixture.ask('sign-in', fixture.browser(), { email: person.email, password: 'another password entirely' }))).toBe('SIGN_IN_REFUSED');
    await until('refusal on record', () => fixture.recorded('identity.registration.refused').length === before + 1);
  });

  it.each([
    ['PASSWORD_TOO_SHORT', 'elevenchars'],
    ['PASSWORD_TOO_LONG', 'x'.repeat(257)],
    ['PASSWORD_GUESSABLE', 'new.person@example.com'],
  ])('%s', async (code, password) => {
    expect(await codeOf(fixture.ask('register', fixture.browser(), { email: 'new.person@example.com', name: 'New', password }))).toBe(code);
  });

  it.each<[string, object]>([
    ['email', { email: 'none', name: 'N', password: PASSWORD }],
    ['name', { email: 'n@example.com', name: 'a\r\nb', password: PASSWORD }],
    ['', { email: 'n@example.com', name: 'N', password: PASSWORD, roles: [{ role: 'owner' }] }],
  ])('REQUEST_MALFORMED in %p', async (field, args) => {
    const refused = fixture.ask('register', fixture.browser(), args as never);
    await expect(refused).rejects.toMatchObject({ code: 'REQUEST_MALFORMED', detail: field === '' ? {} : { field } });
  });
});

describe('signing in', () => {
  it('gives the same answer for a wrong password, no account and a disabled one', async () => {
    const person = await fixture.person();
    await fixture.ask('user-disable', admin.browser, { userId: person.userId, reason: 'left' });
    const answers = await Promise.all([
      [admin.email, 'wrong password'], ['nobody@example.com', PASSWORD], [person.email, PASSWORD],
    ].map(([email, password]) => fixture.ask('sign-in', fixture.browser(), { email: email!, password: password! }).catch((error: Error & { code: string; detail: object }) => [error.code, error.message, error.detail])));
    expect(answers).toEqual(Array.from({ length: 3 }, () => ['SIGN_IN_REFUSED', 'sign-in refused', {}]));
  });

  it('asks for the second factor where there is one, and takes no code twice', async () => {
    const browser = fixture.browser();
    const challenged = await fixture.ask('sign-in', browser, { email: admin.email, password: PASSWORD });
    if (!('challenge' in challenged)) throw new Error('no challenge');
    const { challenge } = challenged;
    const code = fixture.code(admin);
    expect(await codeOf(fixture.ask('verify-mfa', browser, { challenge, code: code === '000000' ? '111111' : '000000' }))).toBe('CODE_REFUSED');
    const { principal } = await fixture.ask('verify-mfa', browser, { challenge, code });
    expect(principal).toMatchObject({ userId: admin.userId, assurance: { level: 'mfa' }, mfa: { needed: true, enrolled: true } });
    expect(await codeOf(fixture.ask('verify-mfa', browser, { challenge, code }))).toBe('CHALLENGE_INVALID');
    const again = await fixture.ask('sign-in', browser, { email: admin.email, password: PASSWORD });
    expect(await codeOf(fixture.ask('verify-mfa', browser, { challenge: 'challenge' in again ? again.challenge : '', code }))).toBe('CODE_REPLAYED');
    await until('an alert', () => fixture.recorded('identity.user.totp-replayed').length === 1);
    expect(fixture.recorded('identity.user.totp-replayed')[0]).toMatchObject({ outcome: 'denied', severity: 'alert', resource: { id: admin.userId }, data: { what: 'factor' }, personal: [{ data: { ip: browser.ip } }] });
  });

  it('lets a backup code in once, also when it comes twice at the same moment', async () => {
    const code = admin.backupCodes![0]!;
    const attempts = await Promise.all([1, 2].map(async () => {
      const browser = fixture.browser();
      const challenged = await fixture.ask('sign-in', browser, { email: admin.email, password: PASSWORD });
      return codeOf(fixture.ask('verify-mfa', browser, { challenge: 'challenge' in challenged ? challenged.challenge : '', code }));
    }));
    expect(attempts.sort()).toEqual(['CODE_REPLAYED', 'none']);
    await until('an alert', () => fixture.recorded('identity.user.backup-code-reused').length === 1);
  });

  it('starts a new session whatever cookie came with it', async () => {
    const person = await fixture.person();
    const fixed = person.browser.session!;
    const { token } = await fixture.signIn({ ...person.browser }, person.email);
    expect(token).not.toBe(fixed);
  });
});

describe('a session', () => {
  it('is renewed by use, once a day, and over after 90 days', async () => {
    const { browser } = await fixture.person();
    const first = (await fixture.ask('session-check', browser, {})).expiresAt;
    expect((await fixture.ask('session-check', browser, {})).expiresAt).toBe(first);
    const before = fixture.offsetMs;
    for (let day = 1; day <= 89; day += 22) {
      fixture.offsetMs = before + day * DAY_MS;
      await fixture.ask('session-check', browser, {});
    }
    fixture.offsetMs = before + 91 * DAY_MS;
    expect(await codeOf(fixture.ask('session-check', browser, {}))).toBe('UNAUTHENTICATED');
    fixture.offsetMs = before;
  });

  it('is listed with the device that it is of, and ended one by one', async () => {
    const person = await fixture.person();
    const other = { ...person.browser, ip: '2001:db8::7' };
    await fixture.signIn(other, person.email);
    const { sessions } = await fixture.ask('session-list', person.browser, {});
    expect(sessions.map(({ ip, userAgent, isCurrent }) => [ip, userAgent, isCurrent]).sort()).toEqual([[person.browser.ip, 'Browser/1.0', true], ['2001:db8::7', 'Browser/1.0', false]].sort());
    await fixture.ask('session-revoke', person.browser, { sessionId: sessions.find(({ isCurrent }) => !isCurrent)!.sessionId });
    expect(await codeOf(fixture.ask('session-check', other, {}))).toBe('UNAUTHENTICATED');
    await fixture.ask('sign-out', person.browser, {});
    expect(await codeOf(fixture.ask('session-check', person.browser, {}))).toBe('UNAUTHENTICATED');
  });

  it("of another person is nobody's business", async () => {
    const [one, other] = [await fixture.person(), await fixture.person()];
    const { sessionId } = await fixture.ask('session-check', other.browser, {});
    expect(await codeOf(fixture.ask('session-revoke', one.browser, { sessionId }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('session-list', one.browser, { userId: other.userId }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('session-revoke', one.browser, { sessionId: 'none' }))).toBe('SESSION_UNKNOWN');
  });
});

describe('a password', () => {
  it('is changed with the present one, ends every other session, and none of the last five is taken again', async () => {
    const person = await fixture.person();
    const other = { ...person.browser };
    await fixture.signIn(other, person.email);
    expect(await codeOf(fixture.ask('change-password', person.browser, { current: 'not the present one', next: 'a brand new password' }))).toBe('PASSWORD_WRONG');
    await fixture.ask('change-password', person.browser, { current: PASSWORD, next: 'a brand new password' });
    expect(await codeOf(fixture.ask('session-check', other, {}))).toBe('UNAUTHENTICATED');
    expect(await codeOf(fixture.ask('session-check', person.browser, {}))).toBe('none');
    expect(await codeOf(fixture.ask('change-password', person.browser, { current: 'a brand new password', next: PASSWORD }))).toBe('PASSWORD_REUSED');
    expect(await codeOf(fixture.ask('sign-in', person.browser, { email: person.email, password: PASSWORD }))).toBe('SIGN_IN_REFUSED');
    await fixture.signIn(person.browser, person.email, 'a brand new password');
  });
});

describe('what administrators do', () => {
  it('asks for a fresh proof when it is sensitive', async () => {
    const person = await fixture.person();
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    fixture.offsetMs += 16 * MINUTE_MS;
    expect(await codeOf(fixture.ask('user-disable', admin.browser, { userId: person.userId, reason: 'x' }))).toBe('STEP_UP_REQUIRED');
    expect(await codeOf(fixture.ask('step-up', admin.browser, { password: PASSWORD }))).toBe('PASSWORD_WRONG');
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    expect(await codeOf(fixture.ask('user-disable', admin.browser, { userId: person.userId, reason: 'x' }))).toBe('none');
    await fixture.ask('user-enable', admin.browser, { userId: person.userId });
    await fixture.signIn(person.browser, person.email);
  });

  it('shows everybody, in pages', async () => {
    await fixture.person();
    const first = await fixture.ask('user-list', admin.browser, { limit: 1 });
    const rest = await fixture.ask('user-list', admin.browser, { after: first.next!, limit: 200 });
    const users = [...first.users, ...rest.users];
    expect(users.find(({ userId }) => userId === admin.userId)).toMatchObject({ email: 'admin@example.com', name: 'The Admin', isMfaEnrolled: true, roles: [{ role: 'owner' }] });
    expect(new Set(users.map(({ userId }) => userId)).size).toBe(users.length);
  });
});

describe('a request that is sent again under its command id', () => {
  it('is carried out once, and answered each time', async () => {
    const person = await fixture.person();
    const { bus } = await fixture.openEdge();
    const ask = async (commandId: string): Promise<object> => {
      const request = { context: { ...fixture.context(person.browser), commandId }, args: { keepCurrent: true } };
      const { data } = await bus.request('identity.session-revoke-all.edge', JSON.stringify(request), { timeoutMs: 30_000 });
      return JSON.parse(Buffer.from(data).toString()) as object;
    };
    const endings = async () => (await fixture.pool.query(`SELECT 1 FROM events WHERE type = 'identity.user.sessions-ended' AND stream = $1`, [`user/${person.userId}`])).rows.length;
    const [one, other] = ['A'.repeat(22), 'B'.repeat(22)];
    expect(await Promise.all([ask(one), ask(one), ask(one)])).toEqual(Array.from({ length: 3 }, () => ({ result: { revoked: 0 } })));
    expect(await endings()).toBe(1);
    await ask(other);
    expect(await endings()).toBe(2);
    expect(await ask('not a command id')).toMatchObject({ error: { code: 'REQUEST_MALFORMED', field: 'context.commandId' } });
  });
});

describe('what is kept', () => {
  it('of every change is in the ledger with who did it and from where', async () => {
    const person = await fixture.person();
    await fixture.ask('session-revoke-all', person.browser, {});
    await until('on record', () => fixture.recorded('identity.user.sessions-ended').some((event) => event.resource?.id === person.userId));
    const event = fixture.recorded('identity.user.sessions-ended').find(({ resource }) => resource?.id === person.userId);
    expect(event).toMatchObject({
      actor: { type: 'user', id: person.userId }, source: 'identity', tenant: 'system', correlationId: 'request-1',
      personal: [{ subject: person.userId, data: { ip: person.browser.ip, userAgent: 'Browser/1.0' } }],
    });
  });

  it('of persons is nowhere in the database in clear, nor is a token, a password or a secret', async () => {
    const person = await fixture.person();
    await fixture.enrol(person);
    const tables = ['events', 'users', 'user_passwords', 'sessions', 'challenges', 'devices', 'backup_codes'];
    const dumps = await Promise.all(tables.map(async (table) => JSON.stringify((await fixture.pool.query(`SELECT t::text FROM ${table} t`)).rows)));
    const secrets = [person.email, person.browser.ip, 'Browser/1.0', 'The Admin', PASSWORD, person.browser.session!, person.browser.device!, person.backupCodes![0]!, person.secret!.toString('hex'), person.secret!.toString('base64')];
    expect(secrets.filter((secret) => dumps.some((dump) => dump.includes(secret)))).toEqual([]);
  });

  it('is in tables that the event store has made, and the service may not change', async () => {
    const migration = (name: string) => readFileSync(new URL(`../migrations/${name}.sql`, import.meta.url), 'utf8');
    expect(migration('0002_accounts')).toContain(rotationMigrationSql(ENCRYPTED_COLUMNS, 'identity_runtime'));
    expect(migration('0001_events')).toContain(eventStoreMigrationSql({ schema: 'public', source: 'identity', runtimeRole: 'identity_runtime' }));
    expect(migration('0022_traces')).toContain(eventStoreTracesSql({ schema: 'public' }));
    const { rows } = await fixture.pool.query(`SELECT has_table_privilege('identity_runtime', 'events', 'UPDATE') AS u, has_table_privilege('identity_runtime', 'events', 'DELETE') AS d, has_table_privilege('identity_runtime', 'users', 'DELETE') AS s`);
    expect(rows).toEqual([{ u: false, d: false, s: false }]);
  });
});

describe('identity as a process', () => {
  const launch = (env: Readonly<Record<string, string>>, program = '../dist/main.js') => spawn(process.execPath, [join(import.meta.dirname, program)], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'ignore', 'pipe'] });

  it('becomes ready, shows its metrics, and ends in order', async () => {
    const port = await choosePort(undefined);
    const child = launch({ ...fixture.env, IDENTITY_HTTP_PORT: String(port) });
    const url = `http://127.0.0.1:${port}`;
    await until('ready', () => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false));
    // An edge may be asking for its lease just now.
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/countersign_identity_requests_open\{service="identity"\} [01]\n/);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('has its database brought up to date by a step of its own, as often as one likes', async () => {
    const child = launch(await fixture.provisionEnv(), '../dist/provision-main.js');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('names what is missing of its configuration, and ends with 78', async () => {
    const child = launch({ IDENTITY_NATS_URL: 'nats://127.0.0.1:1' });
    let err = '';
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    expect((await once(child, 'close'))[0]).toBe(78);
    expect(err).toContain('IDENTITY_KEYS_PUBLIC_KEY_FILE is missing');
  });
});

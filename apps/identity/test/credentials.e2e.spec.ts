import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { codeOf, IdentityFixture, PASSWORD, type Person } from './fixture/identity-fixture.js';
import { LeakList } from './fixture/leak-list.js';
import { until } from './fixture/until.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const ITERATIONS = 200_001;
let fixture: IdentityFixture;
let list: LeakList;

beforeAll(async () => {
  list = await LeakList.start();
  fixture = await IdentityFixture.make({
    IDENTITY_PASSWORD_ITERATIONS: String(ITERATIONS),
    IDENTITY_LEAKED_PASSWORDS: 'api',
    IDENTITY_LEAKED_PASSWORDS_URL: list.url,
  });
}, 120_000);
afterAll(async () => {
  await fixture.close();
  await list.stop();
});

const storedPassword = async ({ userId }: Pick<Person, 'userId'>): Promise<string> =>
  (await fixture.pool.query<{ password: string }>('SELECT password FROM users WHERE user_id = $1', [userId])).rows[0]!.password;

describe('the first administrator', () => {
  const setup = (token: string) => fixture.ask('setup', fixture.browser(), { token, email: 'first@example.com', name: 'The First', password: PASSWORD });

  it('is whoever has the latest link, in time, once', async () => {
    const old = await fixture.asOperator('setup-link', {});
    fixture.offsetMs += 61 * MINUTE_MS;
    expect(await codeOf(setup(old.token))).toBe('LINK_INVALID');
    const voided = await fixture.asOperator('setup-link', {});
    const { token, url } = await fixture.asOperator('setup-link', {});
    expect(url).toBe(`https://localhost:8443/links/setup#${token}`);
    expect(await codeOf(setup(voided.token))).toBe('LINK_INVALID');
    const codes = await Promise.all([1, 2].map(() => codeOf(setup(token))));
    expect(codes.filter((code) => code === 'none')).toHaveLength(1);
    expect(codes.find((code) => code !== 'none')).toMatch(/^(LINK_INVALID|EMAIL_TAKEN|ADMIN_EXISTS)$/);
    const browser = fixture.browser();
    const { principal } = await fixture.signIn(browser, 'first@example.com');
    expect(principal.roles).toEqual([{ role: 'owner' }]);
    expect(await codeOf(fixture.ask('user-list', browser, {}))).toBe('MFA_ENROLLMENT_REQUIRED');
  });

  it('is made once only, and no link is made when there is one', async () => {
    expect(await codeOf(fixture.asOperator('setup-link', {}))).toBe('ADMIN_EXISTS');
    const { token } = { token: randomBytes(32).toString('base64url') };
    expect(await codeOf(setup(token))).toBe('LINK_INVALID');
  });

  it('leaves a record without the token', async () => {
    await until('on record', () => fixture.recorded('identity.setup.link-made').length === 3);
    expect(fixture.recorded('identity.setup.link-made')[0]).toMatchObject({ actor: { id: 'operator' }, data: {} });
    await until('registered', () => fixture.recorded('identity.user.registered').some(({ data }) => data?.['by'] === 'setup'));
  });
});

describe('a password that was stolen', () => {
  it('is taken when nobody can be asked, and looked up when its owner comes again', async () => {
    list.isAway = true;
    const person = await fixture.person();
    const { rows } = await fixture.pool.query('SELECT leak_checked_at FROM users WHERE user_id = $1', [person.userId]);
    expect(rows).toEqual([{ leak_checked_at: null }]);
    expect(await fixture.metric('countersign_identity_leak_checks_pending')).toBeGreaterThan(0);
    const { asked } = list;
    await fixture.signIn(fixture.browser(), person.email);
    // It was away a moment ago: nobody waits for it again.
    expect(list.asked).toBe(asked);
    list.isAway = false;
    list.add(PASSWORD);
    fixture.offsetMs += 2 * MINUTE_MS;
    const browser = fixture.browser();
    const { principal } = await fixture.signIn(browser, person.email);
    expect(principal).toMatchObject({ userId: person.userId, passwordDue: 'leaked' });
    await until('on record', () => fixture.recorded('identity.user.password-due').some(({ resource }) => resource?.id === person.userId));
    expect(fixture.recorded('identity.user.password-due').at(-1)).toMatchObject({ severity: 'warning', actor: { id: person.userId }, data: { why: 'leaked' } });
    // In this session and in those from before.
    for (const each of [browser, person.browser]) {
      expect(await codeOf(fixture.ask('user-show', each, {}))).toBe('PASSWORD_CHANGE_REQUIRED');
      expect(await codeOf(fixture.ask('session-revoke-all', each, {}))).toBe('PASSWORD_CHANGE_REQUIRED');
      expect(await codeOf(fixture.ask('enrol-totp', each, {}))).toBe('PASSWORD_CHANGE_REQUIRED');
      expect(await codeOf(fixture.ask('session-check', each, {}))).toBe('none');
    }
    expect(await codeOf(fixture.ask('change-password', browser, { current: PASSWORD, next: `${PASSWORD} ` }))).toBe('none');
    expect(await codeOf(fixture.ask('user-show', browser, {}))).toBe('none');
    expect((await fixture.ask('session-check', browser, {})).passwordDue).toBeUndefined();
  });

  it('is not taken while it can be known', async () => {
    expect(await codeOf(fixture.ask('register', fixture.browser(), { email: 'late@example.com', name: 'Late', password: PASSWORD }))).toBe('PASSWORD_LEAKED');
  });
});

describe('a password', () => {
  const OTHER = 'a password that nobody knows';

  it('that is older than the policy has it is changed first, also in sessions that began before it was', async () => {
    const [email, other] = ['old@example.com', 'as-old@example.com'];
    for (const each of [email, other]) await fixture.ask('register', fixture.browser(), { email: each, name: 'Old', password: OTHER });
    await fixture.pool.query(`INSERT INTO policies (organization, version, policy, changed_at) VALUES ('home', 1, '{"passwordDays":20}', now())`);
    fixture.offsetMs += 19 * DAY_MS;
    const before = fixture.browser();
    expect((await fixture.signIn(before, email, OTHER)).principal.passwordDue).toBeUndefined();
    fixture.offsetMs += 2 * DAY_MS;
    // On the very next request, whichever it is; it is put on record when the session is checked.
    expect(await codeOf(fixture.ask('session-list', before, {}))).toBe('PASSWORD_CHANGE_REQUIRED');
    for (let time = 0; time < 2; time++) expect((await fixture.ask('session-check', before, {})).passwordDue).toBe('age');
    const browser = fixture.browser();
    const { principal } = await fixture.signIn(browser, other, OTHER);
    expect(principal.passwordDue).toBe('age');
    const due = () => fixture.recorded('identity.user.password-due').filter(({ data }) => data?.['why'] === 'age').map(({ actor }) => actor.id);
    await until('on record', () => due().length >= 2);
    expect(new Set(due()).size).toBe(2);
    await fixture.ask('change-password', before, { current: OTHER, next: `${OTHER} at all` });
    expect(await codeOf(fixture.ask('session-list', before, {}))).toBe('none');
    await fixture.pool.query('DELETE FROM policies');
    fixture.offsetMs -= 21 * DAY_MS;
  });

  it('gets the work factor and the pepper of today when its owner signs in', async () => {
    const email = 'weak@example.com';
    const browser = fixture.browser();
    await fixture.ask('register', browser, { email, name: 'Weak', password: OTHER });
    const { principal: person } = await fixture.signIn(browser, email, OTHER);
    const before = await storedPassword(person);
    expect(before).toContain(`$i=${ITERATIONS},p=1$`);
    const salt = randomBytes(16);
    const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
    const weak = `$pbkdf2-sha256$i=200000$${base64(salt)}$${base64(pbkdf2Sync(OTHER, salt, 200_000, 32, 'sha256'))}`;
    await fixture.pool.query('UPDATE users SET password = $2 WHERE user_id = $1', [person.userId, weak]);
    await fixture.signIn(browser, email, OTHER);
    const after = await storedPassword(person);
    expect(after).toContain(`$i=${ITERATIONS},p=1$`);
    await until('on record', () => fixture.recorded('identity.user.password-rehashed').some(({ resource }) => resource?.id === person.userId));
    await fixture.signIn(browser, email, OTHER);
    expect(await storedPassword(person)).toBe(after);
  });
});

describe('a profile', () => {
  it('is changed by its owner; its name lies under his key alone', async () => {
    const browser = fixture.browser();
    await fixture.ask('register', browser, { email: 'profile@example.com', name: 'Before', password: 'a password that nobody knows' });
    const { principal } = await fixture.signIn(browser, 'profile@example.com', 'a password that nobody knows');
    await fixture.ask('profile-change', browser, { name: 'Afterwards Called', locale: 'de-CH' });
    await fixture.ask('profile-change', browser, { locale: 'pt-BR' });
    expect(await fixture.ask('user-show', browser, {})).toMatchObject({ name: 'Afterwards Called', locale: 'pt-BR' });
    await until('on record', () => fixture.recorded('identity.user.profile-changed').length === 2);
    expect(fixture.recorded('identity.user.profile-changed')[0]).toMatchObject({
      actor: { id: principal.userId }, resource: { id: principal.userId }, data: { locale: 'de-CH' },
      personal: [{ subject: principal.userId, data: { name: 'Afterwards Called' } }, { subject: principal.userId, data: { ip: browser.ip, userAgent: 'Browser/1.0' } }],
    });
    const { rows } = await fixture.pool.query<{ row: string }>(`SELECT u::text AS row FROM users u WHERE user_id = $1 UNION ALL SELECT e::text FROM events e`, [principal.userId]);
    expect(rows.filter(({ row }) => row.includes('Afterwards Called'))).toEqual([]);
  });

  it("is not changed by others who may not, and never somebody else's", async () => {
    const [browser, other] = [fixture.browser(), fixture.browser()];
    const { principal } = await fixture.signIn(browser, 'profile@example.com', 'a password that nobody knows');
    await fixture.ask('register', other, { email: 'other@example.com', name: 'Other', password: 'a password that nobody knows' });
    await fixture.signIn(other, 'other@example.com', 'a password that nobody knows');
    expect(await codeOf(fixture.ask('profile-change', other, { userId: principal.userId, name: 'Taken' }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('profile-change', other, { userId: 'nobody', name: 'Taken' }))).toBe('USER_UNKNOWN');
    expect(await codeOf(fixture.ask('profile-change', other, { locale: 'Deutsch' }))).toBe('REQUEST_MALFORMED');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESET_ANSWER_MS } from '../src/account/reset-password.js';
import { codeOf, IdentityFixture, PASSWORD, type Person } from './fixture/identity-fixture.js';
import { MAIL_PASSWORD, MAIL_USER, MailServer } from './fixture/mail-server.js';
import { SMS_KEY, SmsGateway } from '@countersign/devstack';
import { until } from './fixture/until.js';

const MINUTE_MS = 60_000;
const NEXT = 'a brand new password';
let dir: string;
let mail: MailServer;
let sms: SmsGateway;
let fixture: IdentityFixture;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-links-'));
  mail = await MailServer.start(dir);
  sms = await SmsGateway.start();
  const [passwordFile, smsKeyFile] = [join(dir, 'smtp-password'), join(dir, 'sms-key')];
  await writeFile(passwordFile, MAIL_PASSWORD, { mode: 0o600 });
  await writeFile(smsKeyFile, SMS_KEY, { mode: 0o600 });
  fixture = await IdentityFixture.make({
    IDENTITY_SMTP_HOST: 'localhost', IDENTITY_SMTP_PORT: String(mail.port), IDENTITY_SMTP_CA_FILE: mail.caFile, IDENTITY_SMTP_USER: MAIL_USER, IDENTITY_SMTP_PASSWORD_FILE: passwordFile,
    IDENTITY_MAIL_FROM: 'countersign@example.com', IDENTITY_SMS_URL: sms.url, IDENTITY_SMS_KEY_FILE: smsKeyFile,
  });
}, 120_000);
afterAll(async () => {
  await fixture.close();
  await mail.stop();
  await sms.stop();
  await rm(dir, { recursive: true, force: true });
});

/** The token of the mail that comes now. */
async function mailed(address: string, page: string, ask: () => Promise<unknown>): Promise<string> {
  const mailsOf = () => mail.to(address).filter(({ text }) => text?.includes(`https://localhost:8443/links/${page}#`) === true);
  const before = mailsOf().length;
  await ask();
  await until(`mail to ${address}`, () => mailsOf().length === before + 1);
  return mail.token(address)!;
}
const resetLink = ({ email }: Person) => mailed(email, 'reset-password', () => fixture.ask('password-reset-ask', fixture.browser(), { email }));
const reset = (token: string, password = NEXT) => fixture.ask('password-reset', fixture.browser(), { token, password });
const signIn = (email: string, password: string) => codeOf(fixture.ask('sign-in', fixture.browser(), { email, password }));

describe('a password is reset', () => {
  it('by the latest link, once, in time; all sessions end, the factor stays, and its owner is told', async () => {
    const person = await fixture.person();
    await fixture.enrol(person);
    const voided = await resetLink(person);
    const token = await resetLink(person);
    expect(await codeOf(reset(voided))).toBe('LINK_INVALID');
    expect(await codeOf(reset(token, 'short'))).toBe('PASSWORD_TOO_SHORT');
    expect(await codeOf(reset(token, PASSWORD))).toBe('PASSWORD_REUSED');
    const codes = await Promise.all([1, 2].map(() => codeOf(reset(token))));
    expect(codes.filter((code) => code === 'none')).toHaveLength(1);
    expect(codes.find((code) => code !== 'none')).toMatch(/^(LINK_INVALID|PASSWORD_REUSED|CONFLICT)$/);
    expect(await codeOf(reset(token, 'yet another password'))).toBe('LINK_INVALID');
    expect(await codeOf(fixture.ask('session-check', person.browser, {}))).toBe('UNAUTHENTICATED');
    expect(await signIn(person.email, PASSWORD)).toBe('SIGN_IN_REFUSED');
    expect(await fixture.ask('sign-in', fixture.browser(), { email: person.email, password: NEXT })).toMatchObject({ factors: ['totp', 'backup-code'] });
    await until('notice', () => mail.to(person.email).some(({ subject }) => subject === 'Your password was set anew'));
    await until('on record', () => fixture.recorded('identity.user.password-reset').some(({ resource }) => resource?.id === person.userId));
    expect(fixture.recorded('identity.user.password-reset').at(-1)).toMatchObject({ severity: 'warning', actor: { id: person.userId }, personal: [{ subject: person.userId, data: { userAgent: 'Browser/1.0' } }] });
  });

  it('not by a link that is too old, and not when the account is disabled meanwhile', async () => {
    const person = await fixture.person();
    const old = await resetLink(person);
    fixture.offsetMs += 31 * MINUTE_MS;
    expect(await codeOf(reset(old))).toBe('LINK_INVALID');
    const token = await resetLink(person);
    await fixture.pool.query(`UPDATE users SET state = 'disabled' WHERE user_id = $1`, [person.userId]);
    expect(await codeOf(reset(token))).toBe('LINK_INVALID');
  });

  it('whether or not there is an account the answer is the same, no sooner; who asks too often is refused, and nobody else', async () => {
    const ask = (email: string, browser = fixture.browser()) => fixture.ask('password-reset-ask', browser, { email });
    const person = await fixture.person();
    for (const email of [person.email, 'nobody-here@example.com']) {
      const stranger = fixture.browser();
      const startMs = performance.now();
      expect(await ask(email, stranger)).toEqual({});
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(RESET_ANSWER_MS - 1);
      const codes = await Promise.all([1, 2, 3, 4, 5].map(() => codeOf(ask(email, stranger))));
      expect(codes.sort()).toEqual(['ATTEMPTS_LOCKED', 'none', 'none', 'none', 'none']);
      expect(await Promise.all([1, 2].map(() => codeOf(ask(email))))).toEqual(['none', 'none']);
    }
    // So many asked that no more is mailed while the last link is good, and it is good for whoever reads the mail.
    const mailsOf = () => mail.to(person.email).filter(({ subject }) => subject === 'Set a new password');
    await until('mails', () => mailsOf().length >= 5);
    const asked = () => fixture.recorded('identity.user.password-reset-asked').filter(({ resource }) => resource?.id === person.userId);
    await until('on record', () => asked().length >= 5);
    expect([mailsOf().length, asked().length]).toEqual([5, 5]);
    fixture.offsetMs += 25 * MINUTE_MS;
    await resetLink(person);
    expect(await codeOf(reset(mail.token(person.email)!))).toBe('none');
    await until('on record', () => fixture.recorded('identity.password-reset.refused').length >= 5);
    expect(fixture.recorded('identity.password-reset.refused')).toHaveLength(5);
    expect(mail.to('nobody-here@example.com')).toEqual([]);
    expect(fixture.recorded('identity.password-reset.refused')[0]).toMatchObject({ outcome: 'denied', data: { why: 'no account' }, personal: [{ subject: expect.stringMatching(/^stranger-/) }] });
  });
});

it('the owner of an account is told whatever is added to, or taken from, what proves who he is', async () => {
  const person = await fixture.person();
  await fixture.enrol(person);
  await fixture.ask('backup-codes-make', person.browser, {});
  await fixture.ask('totp-remove', person.browser, {});
  const { apiKey } = await fixture.ask('api-key-create', person.browser, { name: 'a key', grants: [{ permission: 'user.read', scope: 'own' }] });
  await fixture.ask('change-password', person.browser, { current: PASSWORD, next: NEXT });
  const told = () => mail.to(person.email).map(({ subject, text = '' }) => `${subject ?? ''}: ${/an authenticator app|a new set of backup codes|csk_\w{12}/.exec(text)?.[0] ?? ''}, ${String(text.includes(person.browser.ip))}`);
  await until('all of it', () => told().length >= 5);
  expect(told().sort()).toEqual([
    'A way to prove who you are was added: a new set of backup codes, true',
    'A way to prove who you are was added: an authenticator app, true',
    'A way to prove who you are was removed: an authenticator app, true',
    `An API key was made in your name: csk_${apiKey.keyId}, true`,
    'The password of your account was changed: , true',
  ]);
});

describe('a code by SMS', () => {
  const PHONE = '+41790000001';
  let admin: Person;
  let person: Person;
  const allow = async (isSmsAllowed: boolean) => {
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    await fixture.ask('policy-change', admin.browser, { policy: { isSmsAllowed } });
  };
  const enrol = ({ browser }: Person, phone = PHONE) => fixture.ask('phone-enrol', browser, { phone });
  const challenged = async () => {
    const answer = await fixture.ask('sign-in', person.browser, { email: person.email, password: PASSWORD });
    if (!('challenge' in answer)) throw new Error('no code is asked for');
    return answer;
  };

  it('is off before the operator and the policy switch it on, and never for whoever needs a second factor', async () => {
    admin = await fixture.administrator();
    person = await fixture.person();
    expect(await codeOf(enrol(person))).toBe('SMS_OFF');
    await allow(true);
    expect(await codeOf(enrol(admin))).toBe('SMS_FORBIDDEN');
    sms.isAway = true;
    expect(await codeOf(enrol(person))).toBe('SMS_UNSENT');
    sms.isAway = false;
  });

  it('is asked for after the password once the telephone is confirmed, and is no second factor', async () => {
    await enrol(person);
    const code = sms.code(PHONE);
    expect(await codeOf(fixture.ask('phone-confirm', person.browser, { code: code === '000000' ? '000001' : '000000' }))).toBe('CODE_REFUSED');
    await fixture.ask('phone-confirm', person.browser, { code });
    expect(await codeOf(fixture.ask('phone-confirm', person.browser, { code }))).toBe('CODE_REFUSED');
    const { challenge, factors } = await challenged();
    expect(factors).toEqual(['sms']);
    expect(await codeOf(fixture.ask('verify-mfa', person.browser, { challenge, code }))).toBe('CODE_REFUSED');
    await fixture.ask('sms-send', person.browser, { challenge });
    const { principal } = await fixture.ask('verify-mfa', person.browser, { challenge, code: sms.code(PHONE) });
    expect(principal).toMatchObject({ userId: person.userId, mfa: { needed: false, enrolled: false }, assurance: { level: 'password' } });
    const again = await challenged();
    expect(await codeOf(fixture.ask('verify-mfa', person.browser, { challenge: again.challenge, code: sms.code(PHONE) }))).toBe('CODE_REFUSED');
    expect(await codeOf(fixture.ask('sms-send', person.browser, { challenge }))).toBe('CHALLENGE_INVALID');
    expect(sms.forged).toEqual([]);
  });

  it('is good for ten minutes, and sent so often only', async () => {
    fixture.offsetMs += 24 * 60 * MINUTE_MS;
    const { challenge } = await challenged();
    await fixture.ask('sms-send', person.browser, { challenge });
    const code = sms.code(PHONE);
    fixture.offsetMs += 11 * MINUTE_MS;
    const later = await challenged();
    expect(await codeOf(fixture.ask('verify-mfa', person.browser, { challenge: later.challenge, code }))).toBe('CODE_REFUSED');
    const codes: string[] = [];
    for (let time = 0; time < 5; time++) codes.push(await codeOf(fixture.ask('sms-send', fixture.browser(), { challenge: later.challenge })));
    expect(codes).toEqual(['none', 'none', 'none', 'none', 'ATTEMPTS_LOCKED']);
  });

  it('lets nobody act whose role asks for a second factor, and is asked for no more when it is switched off', async () => {
    fixture.offsetMs += 24 * 60 * MINUTE_MS;
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    await fixture.ask('role-grant', admin.browser, { userId: person.userId, role: 'support' });
    const { challenge } = await challenged();
    await fixture.ask('sms-send', person.browser, { challenge });
    fixture.keep(person.browser, await fixture.ask('verify-mfa', person.browser, { challenge, code: sms.code(PHONE) }));
    expect(await codeOf(fixture.ask('user-list', person.browser, {}))).toBe('MFA_ENROLLMENT_REQUIRED');
    expect(await codeOf(enrol(person))).toBe('SMS_FORBIDDEN');
    await allow(false);
    await fixture.signIn(person.browser, person.email);
    const { rows } = await fixture.pool.query<{ row: string }>('SELECT p::text AS row FROM phones p UNION ALL SELECT e::text FROM events e');
    expect(rows.filter(({ row }) => row.includes(PHONE))).toEqual([]);
    await until('on record', () => fixture.recorded('identity.user.sms-sent').length >= 3);
    expect(fixture.recorded('identity.user.phone-enrolled')[0]).toMatchObject({ actor: { id: person.userId }, resource: { id: person.userId } });
  });
});

describe('an address is changed', () => {
  it('when its new mailbox confirms it, and the old one is told', async () => {
    const person = await fixture.person();
    const email = 'changed@example.com';
    const before = await resetLink(person);
    const token = await mailed(email, 'confirm-email', () => fixture.ask('email-change-ask', person.browser, { email }));
    expect(await signIn(email, PASSWORD)).toBe('SIGN_IN_REFUSED');
    await fixture.ask('email-change', fixture.browser(), { token });
    expect(await codeOf(fixture.ask('email-change', fixture.browser(), { token }))).toBe('LINK_INVALID');
    expect([await signIn(email, PASSWORD), await signIn(person.email, PASSWORD)]).toEqual(['none', 'SIGN_IN_REFUSED']);
    expect(await fixture.ask('user-show', person.browser, {})).toMatchObject({ email });
    expect(await codeOf(reset(before))).toBe('LINK_INVALID');
    await until('notice', () => mail.to(person.email).some(({ subject }) => subject === 'The address of your account was changed'));
    await until('on record', () => fixture.recorded('identity.user.email-changed').length === 1);
    expect(fixture.recorded('identity.user.email-changed')[0]).toMatchObject({ actor: { id: person.userId }, data: {}, personal: [{ subject: person.userId, data: { email } }, { subject: person.userId }] });
  });

  it('not to that of somebody else, which is told to its own mailbox alone, and not without a fresh proof', async () => {
    const [person, other] = [await fixture.person(), await fixture.person()];
    const token = await mailed(other.email, 'confirm-email', () => fixture.ask('email-change-ask', person.browser, { email: other.email }));
    expect(await codeOf(fixture.ask('email-change', fixture.browser(), { token }))).toBe('EMAIL_TAKEN');
    fixture.offsetMs += 16 * MINUTE_MS;
    expect(await codeOf(fixture.ask('email-change-ask', person.browser, { email: 'x@example.com' }))).toBe('STEP_UP_REQUIRED');
    await fixture.ask('step-up', person.browser, { password: PASSWORD });
    // A new password voids what was asked for by whoever had the account before.
    const pending = await mailed('pending@example.com', 'confirm-email', () => fixture.ask('email-change-ask', person.browser, { email: 'pending@example.com' }));
    await reset(await resetLink(person));
    expect(await codeOf(fixture.ask('email-change', fixture.browser(), { token: pending }))).toBe('LINK_INVALID');
  });

  it('leaves neither token nor address in the database in clear', async () => {
    const dumps = await Promise.all(['events', 'users', 'mails', 'one_time_links'].map(async (table) => JSON.stringify((await fixture.pool.query(`SELECT t::text FROM ${table} t`)).rows)));
    const tokens = mail.mails.map(({ text }) => /#([A-Za-z0-9_-]{43})/.exec(text ?? '')?.[1]).filter((token) => token !== undefined);
    expect(tokens.length).toBeGreaterThan(5);
    expect([...tokens, 'changed@example.com', 'pending@example.com'].filter((text) => dumps.some((dump) => dump.includes(text)))).toEqual([]);
  });
});

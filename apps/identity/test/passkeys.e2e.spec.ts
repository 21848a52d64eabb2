import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PasskeyRequest } from '@countersign/contracts';
import { SoftAuthenticator, type Quirks } from '@countersign/devstack';
import { codeOf, IdentityFixture, PASSWORD, type Browser, type Person } from './fixture/identity-fixture.js';
import { until } from './fixture/until.js';

const ORIGIN = 'https://localhost:8443';
const MINUTE_MS = 60_000;
let fixture: IdentityFixture;
let admin: Person;
/** Has an authenticator of ours as the only second factor. */
let ana: Person;
let key: SoftAuthenticator;

beforeAll(async () => {
  fixture = await IdentityFixture.make();
  admin = await fixture.administrator();
  ana = await fixture.person();
  key = new SoftAuthenticator(ORIGIN);
  ana.backupCodes = (await register(ana, key, 'Telephone')).backupCodes;
}, 120_000);
afterAll(() => fixture.close());

async function register({ browser }: Person, authenticator: SoftAuthenticator, name = 'Key', quirks: Quirks = {}) {
  const options = await fixture.ask('passkey-enrol', browser, {});
  return fixture.ask('passkey-confirm', browser, { name, passkey: authenticator.make(options, quirks) });
}

/** After the password: the challenge, and what the passkey is asked. */
async function challenged(email: string, browser: Browser) {
  const answer = await fixture.ask('sign-in', browser, { email, password: PASSWORD });
  if (!('challenge' in answer)) throw new Error('no second factor is asked for');
  return answer;
}

/** From anywhere: each guess counts for its own network alone. */
async function byPasskeyAlone(quirks: Quirks = {}, authenticator = key, options?: PasskeyRequest) {
  const browser = fixture.browser();
  const passkey = authenticator.answer(options ?? (await fixture.ask('passkey-ask', browser, {})), quirks);
  return fixture.ask('passkey-sign-in', { ...browser, device: ana.browser.device }, { passkey });
}
const doubtsOf = () => fixture.recorded('identity.sign-in.failed').map(({ data }) => data?.['doubt']);

describe('a passkey', () => {
  it('is a second factor from its registration on, with backup codes, and raises the session', async () => {
    const { principal } = { principal: await fixture.ask('session-check', ana.browser, {}) };
    expect(principal).toMatchObject({ mfa: { needed: false, enrolled: true }, assurance: { level: 'mfa' } });
    expect(ana.backupCodes).toHaveLength(10);
    const { passkeys } = await fixture.ask('passkey-list', ana.browser, {});
    expect(passkeys).toMatchObject([{ name: 'Telephone', isSynced: false }]);
    const [event] = fixture.recorded('identity.user.passkey-added');
    expect(event).toMatchObject({ actor: { id: ana.userId }, resource: { id: ana.userId }, data: { passkeyId: passkeys[0]!.passkeyId, algorithm: -7 } });
    expect(event!.personal).toEqual([{ subject: ana.userId, data: { name: 'Telephone' } }, { subject: ana.userId, data: { ip: ana.browser.ip, userAgent: 'Browser/1.0' } }]);
  });

  it('answers the challenge after the password, also without having verified its user', async () => {
    const browser = fixture.browser();
    const { challenge, factors, passkey: options } = await challenged(ana.email, browser);
    expect(factors).toEqual(['passkey', 'backup-code']);
    expect(options).toMatchObject({ rpId: 'localhost', userVerification: 'preferred', allowCredentials: [{ id: key.id.toString('base64url'), transports: ['internal', 'hybrid'] }] });
    const { principal } = await fixture.ask('verify-mfa', browser, { challenge, passkey: key.answer(options!, { verified: false }) });
    expect(principal).toMatchObject({ userId: ana.userId, assurance: { level: 'mfa' } });
  });

  it('signs in alone when it has verified its user', async () => {
    const started = await byPasskeyAlone();
    expect(started.principal).toMatchObject({ userId: ana.userId, assurance: { level: 'mfa' } });
    const { usedAt } = (await fixture.ask('passkey-list', ana.browser, {})).passkeys[0]!;
    expect(usedAt).toBeDefined();
  });

  it('of EdDSA, which counts nothing, works as often as one likes', async () => {
    const person = await fixture.person();
    const synced = new SoftAuthenticator(ORIGIN, 'EdDSA', false);
    await register(person, synced);
    for (let time = 0; time < 2; time++) expect((await byPasskeyAlone({}, synced)).principal.userId).toBe(person.userId);
  });

  it('proves again who it is, for sensitive actions', async () => {
    fixture.offsetMs += 16 * MINUTE_MS;
    expect(await codeOf(fixture.ask('backup-codes-make', ana.browser, {}))).toBe('STEP_UP_REQUIRED');
    const options = await fixture.ask('passkey-ask-own', ana.browser, {});
    expect(options.userVerification).toBe('required');
    await fixture.ask('step-up', ana.browser, { passkey: key.answer(options) });
    const { backupCodes } = await fixture.ask('backup-codes-make', ana.browser, {});
    expect(backupCodes).toHaveLength(10);
    const code = async (browser: Browser, typed: string) => codeOf(fixture.ask('verify-mfa', browser, { challenge: (await challenged(ana.email, browser)).challenge, code: typed }));
    expect(await code(fixture.browser(), ana.backupCodes![0]!)).toBe('CODE_REFUSED');
    expect(await code(fixture.browser(), backupCodes[0]!)).toBe('none');
  });
});

describe('an answer of a passkey is refused', () => {
  it.each<[string, Quirks]>([
    ['origin', { origin: 'https://localhost.evil.example' }],
    ['origin', { crossOrigin: true }],
    ['relying-party', { rpId: 'evil.example' }],
    ['presence', { present: false }],
    ['verification', { verified: false }],
    ['signature', { alterSignature: true }],
    ['malformed', { type: 'webauthn.create' }],
    ['unknown', { userHandle: 'c29tZWJvZHk' }],
  ])('for its %s: %j', async (doubt, quirks) => {
    const before = doubtsOf().filter((each) => each === doubt).length;
    await expect(byPasskeyAlone(quirks)).rejects.toMatchObject({ code: 'PASSKEY_REFUSED', message: expect.stringContaining(`: ${doubt}`), detail: { field: 'passkey' } });
    await until('on record', () => doubtsOf().filter((each) => each === doubt).length === before + 1);
    // Nobody is locked out by these tests: the owner comes in between.
    await byPasskeyAlone();
  });

  it('when its challenge was answered before, was asked for something else, or is too old', async () => {
    const options = await fixture.ask('passkey-ask', fixture.browser(), {});
    await byPasskeyAlone({}, key, options);
    expect(await codeOf(byPasskeyAlone({}, key, options))).toBe('CHALLENGE_INVALID');
    const own = await fixture.ask('passkey-ask-own', ana.browser, {});
    expect(await codeOf(byPasskeyAlone({}, key, own))).toBe('CHALLENGE_INVALID');
    const old = await fixture.ask('passkey-ask', fixture.browser(), {});
    fixture.offsetMs += 6 * MINUTE_MS;
    expect(await codeOf(byPasskeyAlone({}, key, old))).toBe('CHALLENGE_INVALID');
  });

  it('when a wrong one has used its challenge up', async () => {
    const options = await fixture.ask('passkey-ask', fixture.browser(), {});
    expect(await codeOf(byPasskeyAlone({ alterSignature: true }, key, options))).toBe('PASSKEY_REFUSED');
    expect(await codeOf(byPasskeyAlone({}, key, options))).toBe('CHALLENGE_INVALID');
  });

  it("when it is another user's, or nobody's", async () => {
    const other = await fixture.person();
    const otherKey = new SoftAuthenticator(ORIGIN);
    await register(other, otherKey);
    const browser = fixture.browser();
    const { challenge, passkey: options } = await challenged(ana.email, browser);
    expect(await codeOf(fixture.ask('verify-mfa', browser, { challenge, passkey: otherKey.answer(options!) }))).toBe('PASSKEY_REFUSED');
    expect(await codeOf(byPasskeyAlone({}, new SoftAuthenticator(ORIGIN)))).toBe('PASSKEY_REFUSED');
  });

  it('when its counter went back, and an alarm is on record; never by somebody who cannot sign', async () => {
    const alarms = () => fixture.recorded('identity.user.passkey-suspected');
    expect(await codeOf(byPasskeyAlone({ counter: 1, alterSignature: true }))).toBe('PASSKEY_REFUSED');
    await byPasskeyAlone();
    expect(alarms()).toEqual([]);
    expect(await codeOf(byPasskeyAlone({ counter: 1 }))).toBe('PASSKEY_REFUSED');
    await until('alarm', () => alarms().length === 1);
    expect(alarms()[0]).toMatchObject({ severity: 'alert', outcome: 'denied', resource: { id: ana.userId }, data: { given: 1 } });
    await byPasskeyAlone();
  });

  it('the second time when it comes twice at the same moment', async () => {
    const options = await fixture.ask('passkey-ask', fixture.browser(), {});
    const answer = key.answer(options);
    const codes = await Promise.all([1, 2].map(() => codeOf(fixture.ask('passkey-sign-in', fixture.browser(), { passkey: answer }))));
    expect(codes.sort()).toEqual(['CHALLENGE_INVALID', 'none']);
  });
});

describe('registering', () => {
  it.each<[string, Quirks]>([
    ['origin', { origin: 'https://evil.example' }],
    ['relying-party', { rpId: 'evil.example' }],
    ['presence', { present: false }],
    ['attestation', { fmt: 'fido-u2f' }],
    ['malformed', { type: 'webauthn.get' }],
  ])('is refused for its %s', async (doubt, quirks) => {
    await expect(register(ana, new SoftAuthenticator(ORIGIN), 'Key', quirks)).rejects.toMatchObject({ code: 'PASSKEY_REFUSED', message: expect.stringContaining(`: ${doubt}`) });
  });

  it('takes no passkey twice, not as somebody else either, and no challenge of somebody else', async () => {
    expect(await codeOf(register(ana, key))).toBe('PASSKEY_KNOWN');
    const person = await fixture.person();
    expect(await codeOf(register(person, key))).toBe('PASSKEY_KNOWN');
    const options = await fixture.ask('passkey-enrol', ana.browser, {});
    expect(await codeOf(fixture.ask('passkey-confirm', person.browser, { name: 'Key', passkey: new SoftAuthenticator(ORIGIN).make(options) }))).toBe('CHALLENGE_INVALID');
  });

  it('asks for a fresh proof', async () => {
    const person = await fixture.person();
    fixture.offsetMs += 16 * MINUTE_MS;
    expect(await codeOf(fixture.ask('passkey-enrol', person.browser, {}))).toBe('STEP_UP_REQUIRED');
  });
});

describe('the last factor', () => {
  it('is kept by whom a role obliges to have one, and may be exchanged', async () => {
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    expect(await codeOf(fixture.ask('totp-remove', admin.browser, {}))).toBe('LAST_FACTOR');
    const { passkeyId, backupCodes } = await register(admin, new SoftAuthenticator(ORIGIN));
    expect(backupCodes).toBeUndefined();
    await fixture.ask('totp-remove', admin.browser, {});
    expect(await codeOf(fixture.ask('passkey-remove', admin.browser, { passkeyId }))).toBe('LAST_FACTOR');
    await fixture.enrol(admin);
    await fixture.ask('passkey-remove', admin.browser, { passkeyId });
    expect(await codeOf(fixture.ask('passkey-remove', admin.browser, { passkeyId }))).toBe('PASSKEY_UNKNOWN');
  });

  it('goes with its backup codes where nobody asks for one', async () => {
    const person = await fixture.person();
    const { passkeyId } = await register(person, new SoftAuthenticator(ORIGIN));
    await fixture.ask('passkey-rename', person.browser, { passkeyId, name: 'Other name' });
    expect((await fixture.ask('passkey-list', person.browser, {})).passkeys).toMatchObject([{ name: 'Other name' }]);
    await fixture.ask('passkey-remove', person.browser, { passkeyId });
    const { rows } = await fixture.pool.query('SELECT count(*)::int AS n FROM backup_codes WHERE user_id = $1', [person.userId]);
    expect(rows).toEqual([{ n: 0 }]);
    await fixture.signIn(fixture.browser(), person.email);
    expect(await codeOf(fixture.ask('backup-codes-make', person.browser, {}))).toBe('MFA_NOT_ENROLLED');
  });

  it('is taken by an administrator from whoever has lost it: sessions end, and the role does nothing before there is a new one', async () => {
    const person = await fixture.person();
    await register(person, new SoftAuthenticator(ORIGIN));
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    await fixture.ask('role-grant', admin.browser, { userId: person.userId, role: 'support' });
    await fixture.ask('mfa-reset', admin.browser, { userId: person.userId, reason: 'lost the telephone' });
    expect(await codeOf(fixture.ask('session-check', person.browser, {}))).toBe('UNAUTHENTICATED');
    await fixture.signIn(person.browser, person.email);
    expect(await codeOf(fixture.ask('user-list', person.browser, {}))).toBe('MFA_ENROLLMENT_REQUIRED');
    expect(await codeOf(fixture.ask('mfa-reset', admin.browser, { userId: admin.userId, reason: 'x' }))).toBe('FORBIDDEN');
    await until('on record', () => fixture.recorded('identity.user.mfa-reset').length === 1);
    expect(fixture.recorded('identity.user.mfa-reset')[0]).toMatchObject({ actor: { id: admin.userId }, resource: { id: person.userId }, data: { reason: 'lost the telephone', passkeys: 1, hadTotp: false } });
  });

  it('is nothing that one takes from somebody mightier', async () => {
    const person = await fixture.person();
    await fixture.enrol(person);
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    await fixture.ask('role-grant', admin.browser, { userId: person.userId, role: 'security-admin' });
    await fixture.ask('step-up', person.browser, { code: fixture.code(person) });
    expect(await codeOf(fixture.ask('mfa-reset', person.browser, { userId: admin.userId, reason: 'x' }))).toBe('TARGET_OUTRANKS');
    expect(await codeOf(fixture.ask('mfa-reset', ana.browser, { userId: person.userId, reason: 'x' }))).toBe('FORBIDDEN');
  });
});

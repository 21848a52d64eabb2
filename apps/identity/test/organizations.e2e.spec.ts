import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allows, decodeSet } from '@countersign/access';
import { newSessionToken } from '@countersign/credentials';
import type { SessionCache } from '@countersign/identity-client';
import { codeOf, IdentityFixture, PASSWORD, type Browser, type Person } from './fixture/identity-fixture.js';
import { MAIL_PASSWORD, MAIL_USER, MailServer } from './fixture/mail-server.js';
import { until } from './fixture/until.js';

const DAY_MS = 86_400_000;
const ACME = 'acme';
let dir: string;
let mail: MailServer;
let fixture: IdentityFixture;
let root: Person;
let owner: Person;
let edge: SessionCache;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-mail-'));
  mail = await MailServer.start(dir);
  const passwordFile = join(dir, 'smtp-password');
  await writeFile(passwordFile, MAIL_PASSWORD, { mode: 0o600 });
  fixture = await IdentityFixture.make({
    IDENTITY_SMTP_HOST: 'localhost', IDENTITY_SMTP_PORT: String(mail.port), IDENTITY_SMTP_CA_FILE: mail.caFile, IDENTITY_SMTP_USER: MAIL_USER, IDENTITY_SMTP_PASSWORD_FILE: passwordFile,
    IDENTITY_MAIL_FROM: 'countersign@example.com',
  });
  root = await fixture.administrator();
  await fixture.ask('organization-create', root.browser, { organization: ACME, name: 'Acme' });
  owner = await joined('owner@acme.example', 'owner');
  edge = (await fixture.openEdge()).cache;
  await until('lease', () => edge.isTrusted());
}, 120_000);
afterAll(async () => {
  await fixture.close();
  await mail.stop();
  await rm(dir, { recursive: true, force: true });
});

const fresh = async (person: Person): Promise<void> => void (await fixture.ask('step-up', person.browser, { code: fixture.code(person) }));

async function linkTo(email: string, count = 1): Promise<string> {
  await until(`mail to ${email}`, () => mail.to(email).length >= count);
  return mail.token(email)!;
}

/** Invited by the first administrator, with an account of his own, an authenticator if the role asks for one, and acting in the organisation. */
async function joined(email: string, role: string, organization = ACME): Promise<Person> {
  await fresh(root);
  const { invitationId } = await fixture.ask('member-invite', root.browser, { organization, email, roles: [role] });
  // The mail need not be waited for: another link is put in the place of its own.
  const { token, digest } = newSessionToken();
  await fixture.pool.query('UPDATE invitations SET token_hash = $2 WHERE invitation_id = $1', [invitationId, digest]);
  const browser = fixture.browser();
  await fixture.ask('invitation-accept', browser, { token, name: 'Somebody', password: PASSWORD });
  const { principal } = await fixture.signIn(browser, email);
  const person: Person = { email, userId: principal.userId, browser };
  if (principal.mfa.needed) await fixture.enrol(person);
  return person;
}
const ask = (browser: Browser) => fixture.ask('session-check', browser, {});

describe('an invitation', () => {
  it('makes an account in the organisation, once, and is on record there', async () => {
    const email = 'first@acme.example';
    const { invitationId } = await fixture.ask('member-invite', owner.browser, { organization: ACME, email });
    const token = await linkTo(email);
    const accept = (given: string) => codeOf(fixture.ask('invitation-accept', fixture.browser(), { token: given, name: 'First', password: PASSWORD }));
    expect(await accept(`${'A'.repeat(42)}A`)).toBe('INVITATION_UNKNOWN');
    expect(await accept(token)).toBe('none');
    expect(await accept(token)).toBe('INVITATION_USED');
    const { principal } = await fixture.signIn(fixture.browser(), email);
    expect(principal).toMatchObject({ organization: ACME, roles: [{ role: 'member', organization: ACME }] });
    await until('on record', () => fixture.recorded('identity.organization.member-joined').some(({ resource }) => resource?.id === principal.userId));
    const event = fixture.recorded('identity.invitation.sent').find(({ resource }) => resource?.id === invitationId);
    expect(event).toMatchObject({ tenant: ACME, actor: { type: 'user', id: owner.userId }, data: { roles: ['member'] } });
    expect(event?.personal).toEqual([{ subject: `invitee-${invitationId}`, data: { email } }, { subject: owner.userId, data: { ip: owner.browser.ip, userAgent: 'Browser/1.0' } }]);
  });

  it('that is sent again voids the link before, ends after seven days, and can be withdrawn', async () => {
    const email = 'late@acme.example';
    const { invitationId } = await fixture.ask('member-invite', owner.browser, { organization: ACME, email });
    const first = await linkTo(email);
    await fixture.ask('invitation-resend', owner.browser, { organization: ACME, invitationId });
    const second = await linkTo(email, 2);
    const accept = (token: string) => codeOf(fixture.ask('invitation-accept', fixture.browser(), { token, name: 'Late', password: PASSWORD }));
    expect(await accept(first)).toBe('INVITATION_UNKNOWN');
    fixture.offsetMs += 7 * DAY_MS;
    expect(await accept(second)).toBe('INVITATION_EXPIRED');
    fixture.offsetMs -= 7 * DAY_MS;
    await fixture.ask('invitation-revoke', owner.browser, { organization: ACME, invitationId });
    expect(await accept(second)).toBe('INVITATION_REVOKED');
    expect(await codeOf(fixture.ask('invitation-resend', owner.browser, { organization: ACME, invitationId }))).toBe('INVITATION_REVOKED');
    const { invitations } = await fixture.ask('invitation-list', owner.browser, { organization: ACME, limit: 200 });
    expect(invitations.find((one) => one.invitationId === invitationId)).toMatchObject({ email, state: 'revoked', invitedBy: owner.userId });
  });

  it('is for the account of its address alone, which joins when it is signed in', async () => {
    const [guest, other] = [await fixture.person(), await fixture.person()];
    await fixture.ask('member-invite', owner.browser, { organization: ACME, email: guest.email });
    const token = await linkTo(guest.email);
    expect(await codeOf(fixture.ask('invitation-accept', fixture.browser(), { token, name: 'X', password: PASSWORD }))).toBe('INVITATION_NEEDS_SIGN_IN');
    expect(await codeOf(fixture.ask('invitation-join', other.browser, { token }))).toBe('INVITATION_OTHER_ADDRESS');
    const codes = await Promise.all([1, 2].map(() => codeOf(fixture.ask('invitation-join', guest.browser, { token }))));
    expect(codes.filter((code) => code === 'none')).toHaveLength(1);
    expect(await codeOf(fixture.ask('organization-enter', other.browser, { organization: ACME }))).toBe('ORGANIZATION_UNKNOWN');
    await fixture.ask('organization-enter', guest.browser, { organization: ACME });
    expect(await ask(guest.browser)).toMatchObject({ organization: ACME });
    expect(await codeOf(fixture.ask('member-invite', owner.browser, { organization: ACME, email: guest.email }))).toBe('ALREADY_MEMBER');
    expect(await codeOf(fixture.ask('user-create', root.browser, { organization: ACME, email: guest.email }))).toBe('EMAIL_TAKEN');
  });

  it('goes to the domains that policy names', async () => {
    await fresh(owner);
    await fixture.ask('policy-change', owner.browser, { organization: ACME, policy: { invitationDomains: ['acme.example'] } });
    expect(await codeOf(fixture.ask('member-invite', owner.browser, { organization: ACME, email: 'who@else.example' }))).toBe('EMAIL_DOMAIN_FORBIDDEN');
    await fixture.ask('policy-change', owner.browser, { organization: ACME, policy: {} });
  });
});

describe('an organisation', () => {
  it('is not the ledger of the installation, and is made once, by whoever may', async () => {
    await fresh(root);
    const make = (by: Person, organization: string) => codeOf(fixture.ask('organization-create', by.browser, { organization, name: 'X' }));
    expect([await make(root, 'system'), await make(root, ACME), await make(owner, 'other')]).toEqual(['ORGANIZATION_TAKEN', 'ORGANIZATION_TAKEN', 'FORBIDDEN']);
  });

  it('is out of reach for whoever leads another one', async () => {
    await fresh(root);
    await fixture.ask('organization-create', root.browser, { organization: 'globex', name: 'Globex' });
    const stranger = await joined('owner@globex.example', 'owner', 'globex');
    const organization = ACME;
    const codes = await Promise.all([
      fixture.ask('member-list', stranger.browser, { organization }),
      fixture.ask('member-invite', stranger.browser, { organization, email: 'x@globex.example' }),
      fixture.ask('member-remove', stranger.browser, { organization, userId: owner.userId }),
      fixture.ask('role-define', stranger.browser, { organization, role: 'x', description: 'x', grants: [{ permission: 'user.read', scope: 'own' }] }),
      fixture.ask('role-grant', stranger.browser, { userId: stranger.userId, role: 'member', organization }),
      fixture.ask('policy-change', stranger.browser, { organization, policy: {} }),
      fixture.ask('policy-change', stranger.browser, { policy: {} }),
      fixture.ask('invitation-list', stranger.browser, { organization }),
      fixture.ask('user-show', stranger.browser, { userId: owner.userId }),
    ].map((one) => codeOf(one)));
    expect(new Set(codes)).toEqual(new Set(['FORBIDDEN']));
    const found = async (by: Person, email: string) => (await fixture.ask('user-list', by.browser, { email })).users.map(({ userId }) => userId);
    expect([await found(stranger, owner.email), await found(owner, owner.email.toUpperCase()), await found(root, 'nobody@acme.example')]).toEqual([[], [owner.userId], []]);
    expect((await fixture.ask('organization-list', stranger.browser, {})).organizations.map((one) => one.organization)).toEqual(['globex']);
    // Nobody is drawn in from elsewhere: he is invited.
    expect(await codeOf(fixture.ask('role-grant', stranger.browser, { userId: owner.userId, role: 'member', organization: 'globex' }))).toBe('MEMBER_UNKNOWN');
  });

  it('keeps its last owner', async () => {
    await fresh(owner);
    const alone = [
      codeOf(fixture.ask('organization-leave', owner.browser, { organization: ACME })),
      codeOf(fixture.ask('role-revoke', owner.browser, { userId: owner.userId, organization: ACME, role: 'owner' })),
      codeOf(fixture.ask('member-remove', owner.browser, { organization: ACME, userId: owner.userId })),
    ];
    expect(await Promise.all(alone)).toEqual(['LAST_OWNER', 'LAST_OWNER', 'LAST_OWNER']);
    const second = await joined('second@acme.example', 'owner');
    const [one, other] = await Promise.all([owner, second].map((person) => codeOf(fixture.ask('organization-leave', person.browser, { organization: ACME }))));
    expect([one, other].filter((code) => code === 'none').length).toBeLessThanOrEqual(1);
    const { rows } = await fixture.pool.query(`SELECT user_id FROM user_roles WHERE organization = $1 AND role = 'owner'`, [ACME]);
    expect(rows.length).toBeGreaterThanOrEqual(1);
    if (rows.some(({ user_id }) => user_id === owner.userId)) return;
    await fresh(root);
    await fixture.ask('role-grant', root.browser, { userId: owner.userId, role: 'owner', organization: ACME });
    await fixture.ask('organization-enter', owner.browser, { organization: ACME });
  });

  it('that is closed lets nobody act in it before the call returns', async () => {
    await fresh(root);
    await fixture.ask('organization-create', root.browser, { organization: 'shut', name: 'Shut' });
    const last = await joined('last@shut.example', 'admin', 'shut');
    const may = async () => allows(decodeSet((await edge.check(fixture.context(last.browser))).permissions), 'member.invite', 'organization');
    expect(await may()).toBe(true);
    await fresh(root);
    await fixture.ask('organization-close', root.browser, { organization: 'shut', reason: 'bankrupt' });
    expect(await may()).toBe(false);
    expect(await codeOf(fixture.ask('member-invite', root.browser, { organization: 'shut', email: 'a@shut.example' }))).toBe('ORGANIZATION_CLOSED');
    expect(await codeOf(fixture.ask('organization-enter', last.browser, { organization: 'shut' }))).toBe('ORGANIZATION_CLOSED');
  });
});

describe('a role of its own', () => {
  const grants = (...permissions: string[]) => permissions.map((permission) => ({ permission, scope: 'organization' as const }));

  it('grants what whoever defines it holds, and nothing more', async () => {
    const admin = await joined('admin@acme.example', 'admin');
    const define = (role: string, ...permissions: string[]) => codeOf(fixture.ask('role-define', admin.browser, { organization: ACME, role, description: 'x', grants: grants(...permissions) }));
    expect([await define('keys', 'key.rotate'), await define('odd', 'no.such'), await define('member', 'user.read'), await define('readers', 'user.read')]).toEqual(['GRANT_EXCEEDS_OWN', 'ROLE_GRANTS_INVALID', 'ROLE_TAKEN', 'none']);
    await fresh(owner);
    await fixture.ask('role-define', owner.browser, { organization: ACME, role: 'mighty', description: 'x', grants: grants('key.rotate') });
    const give = (operation: 'role-grant' | 'role-revoke', role: string) => codeOf(fixture.ask(operation, admin.browser, { userId: admin.userId, organization: ACME, role }));
    expect([await give('role-grant', 'mighty'), await give('role-grant', 'owner'), await give('role-grant', 'service')]).toEqual(['GRANT_EXCEEDS_OWN', 'GRANT_EXCEEDS_OWN', 'ROLE_UNKNOWN']);
    expect(await codeOf(fixture.ask('role-change', admin.browser, { organization: ACME, role: 'mighty', description: 'x', grants: grants('user.read') }))).toBe('GRANT_EXCEEDS_OWN');
    expect(await codeOf(fixture.ask('member-invite', admin.browser, { organization: ACME, email: 'm@acme.example', roles: ['mighty'] }))).toBe('GRANT_EXCEEDS_OWN');
    expect(await codeOf(fixture.ask('member-remove', admin.browser, { organization: ACME, userId: owner.userId }))).toBe('GRANT_EXCEEDS_OWN');
    expect(await codeOf(fixture.ask('user-disable', admin.browser, { userId: owner.userId, reason: 'coup' }))).toBe('TARGET_OUTRANKS');
  });

  it('that changes holds for everybody who has it, everywhere, before the call returns', async () => {
    const holder = await joined('holder@acme.example', 'member');
    await fresh(owner);
    await fixture.ask('role-define', owner.browser, { organization: ACME, role: 'racing', description: 'x', grants: grants('member.invite') });
    await fixture.ask('role-grant', owner.browser, { userId: holder.userId, organization: ACME, role: 'racing' });
    const may = async () => allows(decodeSet((await edge.check(fixture.context(holder.browser))).permissions), 'member.invite', 'organization');
    for (let round = 0; round < 5; round++) {
      const begunMs: number[] = [];
      let isOver = false;
      const hammer = (async () => {
        while (!isOver) {
          const nowMs = performance.now();
          if (await may()) begunMs.push(nowMs);
          await sleep(0);
        }
      })();
      await until('answers from the cache', () => begunMs.length > 5);
      await fixture.ask('role-change', owner.browser, { organization: ACME, role: 'racing', description: 'x', grants: grants('role.read') });
      const returnedMs = performance.now();
      expect(await may()).toBe(false);
      isOver = true;
      await hammer;
      expect(begunMs.filter((begun) => begun > returnedMs)).toEqual([]);
      await fixture.ask('role-change', owner.browser, { organization: ACME, role: 'racing', description: 'x', grants: grants('member.invite') });
      expect(await may()).toBe(true);
    }
    for (let round = 0; round < 4; round++) {
      const email = `raced${round}@acme.example`;
      // Whoever acts by the role while it is taken from him came first, or is refused: never in between.
      const [used] = await Promise.all([
        codeOf(fixture.ask('member-invite', holder.browser, { organization: ACME, email })),
        fixture.ask('role-change', owner.browser, { organization: ACME, role: 'racing', description: 'x', grants: grants('role.read') }),
      ]);
      expect(['none', 'CONFLICT', 'FORBIDDEN']).toContain(used);
      const { invitations } = await fixture.ask('invitation-list', owner.browser, { organization: ACME, limit: 200 });
      expect(invitations.some((one) => one.email === email)).toBe(used === 'none');
      await fixture.ask('role-change', owner.browser, { organization: ACME, role: 'racing', description: 'x', grants: grants('member.invite') });
    }
    expect(await codeOf(fixture.ask('role-remove', owner.browser, { organization: ACME, role: 'racing' }))).toBe('ROLE_IN_USE');
    await fixture.ask('member-remove', owner.browser, { organization: ACME, userId: holder.userId });
    expect((await edge.check(fixture.context(holder.browser))).organization).toBeUndefined();
    expect(await codeOf(fixture.ask('role-remove', owner.browser, { organization: ACME, role: 'racing' }))).toBe('none');
  });
});

describe('policy', () => {
  it('asks for a second factor and shortens sessions before the call returns, and counts its versions', async () => {
    const person = await fixture.person();
    await fixture.ask('member-invite', owner.browser, { organization: ACME, email: person.email });
    await fixture.ask('invitation-join', person.browser, { token: await linkTo(person.email) });
    await fixture.ask('organization-enter', person.browser, { organization: ACME });
    expect((await edge.check(fixture.context(person.browser))).mfa.needed).toBe(false);
    await fresh(owner);
    const { version } = await fixture.ask('policy-show', owner.browser, { organization: ACME });
    const changed = await fixture.ask('policy-change', owner.browser, { organization: ACME, policy: { isMfaRequired: true, sessionIdleHours: 1 }, version });
    expect(changed.version).toBe(version + 1);
    expect(await codeOf(fixture.ask('policy-change', owner.browser, { organization: ACME, policy: {}, version }))).toBe('CONFLICT');
    const checked = await edge.check(fixture.context(person.browser));
    expect(checked.mfa.needed).toBe(true);
    expect(Date.parse(checked.expiresAt)).toBeLessThan(Date.now() + fixture.offsetMs + 3_600_000 + 60_000);
    expect(await codeOf(fixture.ask('organization-show', person.browser, { organization: ACME }))).toBe('MFA_ENROLLMENT_REQUIRED');
    await fixture.ask('policy-change', owner.browser, { organization: ACME, policy: {} });
    await until('on record', () => fixture.recorded('identity.policy.changed').some(({ data }) => data?.['version'] === version + 1));
  });
});

describe('mail', () => {
  it('tells somebody that his account is locked for a day, and that a new device signed in', async () => {
    const person = await fixture.person();
    const before = fixture.offsetMs;
    for (let i = 0, locked = 0; i < 60 && mail.to(person.email).length === 0 && locked < 20; i++) {
      const code = await codeOf(fixture.ask('sign-in', fixture.browser(), { email: person.email, password: 'a wrong password' }));
      if (code !== 'ATTEMPTS_LOCKED') continue;
      locked++;
      fixture.offsetMs += 16 * 60_000;
    }
    fixture.offsetMs = before;
    await until('alert', () => mail.to(person.email).length > 0);
    expect(mail.to(person.email)[0]).toMatchObject({ subject: 'Sign-in to your account is locked', from: { address: 'countersign@example.com' }, sentTo: person.email });
    expect(mail.to(person.email)[0]!.text).toMatch(/There were 20 failed attempts/);
    const other = await fixture.person();
    await fixture.signIn(fixture.browser(), other.email);
    await until('notice', () => mail.to(other.email).some(({ subject }) => subject === 'A new device signed in to your account'));
  });

  it('that is refused for good is given up, the rest is tried again, and what was dealt with says nothing any more', async () => {
    await fresh(owner);
    mail.refused.add('gone@acme.example');
    mail.busy.set('busy@acme.example', 1);
    for (const email of ['gone@acme.example', 'busy@acme.example']) await fixture.ask('member-invite', owner.browser, { organization: ACME, email });
    // A mail that is being sent is nobody else's for a minute; what is put off comes sooner. Until then its time may not be changed: it would be put off afterwards.
    const isPutOff = `tries > 0 AND next_at <= now() + interval '30 seconds'`;
    const state = async (name: string) => (await fixture.pool.query(`SELECT count(*)::int AS n FROM mails WHERE state = $1 AND (content IS NULL OR ${isPutOff})`, [name])).rows[0].n as number;
    await until('given up and put off', async () => (await state('undelivered')) === 1 && (await state('waiting')) === 1);
    await fresh(root);
    expect(await fixture.ask('mail-status', root.browser, {})).toMatchObject({ isConfigured: true, waiting: 1, undelivered: 1 });
    await fixture.pool.query(`UPDATE mails SET next_at = now() WHERE state = 'waiting'`);
    await linkTo('busy@acme.example');
    await until('nothing waits', async () => (await fixture.ask('mail-status', root.browser, {})).waiting === 0);
    const { rows } = await fixture.pool.query('SELECT count(content)::int AS held FROM mails');
    expect(rows).toEqual([{ held: 0 }]);
  });

  it('is nowhere in the database in clear, nor is a link', async () => {
    mail.busy.set('secret@acme.example', 1);
    await fixture.ask('member-invite', owner.browser, { organization: ACME, email: 'secret@acme.example' });
    const dumps = await Promise.all(['events', 'mails', 'invitations', 'members', 'organizations'].map(async (table) => JSON.stringify((await fixture.pool.query(`SELECT t::text FROM ${table} t`)).rows)));
    expect(dumps.filter((dump) => dump.includes('secret@acme.example') || dump.includes('/links/invitation'))).toEqual([]);
  });
});

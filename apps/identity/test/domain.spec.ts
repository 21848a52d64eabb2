import { describe, expect, it } from '@jest/globals';
import { IdentityFault } from '../src/domain/identity-fault.js';
import { strangerOf } from '../src/domain/origin.js';
import { expiryOf, isRenewalDue, sessionAggregate, SESSION_IDLE_MS, SESSION_LIFE_MS, type SessionCommand } from '../src/domain/session.js';
import { userAggregate, type User, type UserCommand } from '../src/domain/user.js';
import { PASSKEYS_MAX } from '../src/domain/user-factors.js';

const DAY_MS = 86_400_000;
const ORIGIN = { subject: 'actor', ip: '192.0.2.1', userAgent: 'Browser/1.0' };
type Bare<C, K extends string = 'sessionId'> = C extends unknown ? Omit<C, K | 'origin'> : never;
type BareUser = Bare<UserCommand, 'userId'>;

const user = (command: BareUser, state: User | undefined) => userAggregate.decide({ ...command, userId: 'u1', origin: ORIGIN }, state);
const users = (...commands: readonly BareUser[]): User | undefined =>
  commands.reduce<User | undefined>((state, command) => user(command, state).reduce<User | undefined>((before, event) => userAggregate.evolve(before, event), state), undefined);
const session = (command: Bare<SessionCommand>, before: readonly Bare<SessionCommand>[] = []) => {
  const decide = (one: Bare<SessionCommand>, state: never) => sessionAggregate.decide({ ...one, sessionId: 's1', origin: ORIGIN }, state);
  const state = before.reduce((held: unknown, one) => decide(one, held as never).reduce<unknown>((at, event) => sessionAggregate.evolve(at as never, event), held), undefined);
  return decide(command, state as never);
};
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof IdentityFault) return error.code;
    throw error;
  }
  return 'none';
};

const REGISTER: BareUser = { type: 'register', by: 'open', email: 'a@example.com', name: 'A', roles: [{ role: 'member', organization: 'home' }] };
const ENROL: BareUser = { type: 'enrol-totp', backupCodeIds: ['c1', 'c2'] };
const BEGIN: BareUser = { type: 'begin-totp' };
const KEY: BareUser = { type: 'add-passkey', passkeyId: 'k1', name: 'Key', algorithm: -7, backupCodeIds: ['c1'] };
const KEYS: readonly BareUser[] = Array.from({ length: PASSKEYS_MAX }, (_, at) => ({ ...KEY, passkeyId: `k${at}` }));
const START: Bare<SessionCommand> = { type: 'start', userId: 'u1', assurance: 'password', nowMs: 0 };

describe('a user', () => {
  it('is registered with a role, and what is personal lies in personal parts alone', () => {
    const events = user(REGISTER, undefined);
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['identity.user.registered', { by: 'open' }],
      ['identity.user.role-granted', { role: 'member', organization: 'home' }],
    ]);
    expect(events[0]?.personal).toEqual([{ subject: 'u1', data: { email: 'a@example.com', name: 'A' } }, { subject: 'actor', data: { ip: '192.0.2.1', userAgent: 'Browser/1.0' } }]);
    expect(events.every(({ resource }) => resource?.type === 'user' && resource.id === 'u1')).toBe(true);
  });

  it.each<[string, BareUser, readonly BareUser[]]>([
    ['disabled', { type: 'disable', reason: 'left' }, [{ type: 'disable', reason: 'left' }]],
    ['enabled', { type: 'enable' }, []],
    ['given a role', { type: 'grant-role', role: { role: 'member', organization: 'home' } }, []],
    ['relieved of a role that he does not hold', { type: 'revoke-role', role: { role: 'member' } }, []],
  ])('who is as asked already is not %s again', (_what, command, before) => {
    expect(user(command, users(REGISTER, ...before))).toEqual([]);
  });

  it('holds a role on the platform apart from the same in an organisation', () => {
    const state = users(REGISTER, { type: 'grant-role', role: { role: 'viewer' } }, { type: 'grant-role', role: { role: 'viewer', organization: 'home' } }, { type: 'revoke-role', role: { role: 'viewer' } });
    expect([...state!.roles].sort()).toEqual(['member@home', 'viewer@home']);
  });

  it.each<[string, string, BareUser, readonly BareUser[]]>([
    ['CONFLICT', 'registered twice', REGISTER, [REGISTER]],
    ['USER_UNKNOWN', 'changed before there is one', { type: 'disable', reason: 'x' }, []],
    ['TOTP_NOT_PENDING', 'enrolled without a beginning', ENROL, [REGISTER]],
    ['TOTP_ENROLLED', 'enrolled twice', ENROL, [REGISTER, BEGIN, ENROL]],
    ['TOTP_ENROLLED', 'given another secret in the place of one that is in force', BEGIN, [REGISTER, BEGIN, ENROL]],
    ['TOTP_NOT_ENROLLED', 'relieved of an authenticator that was never confirmed', { type: 'remove-totp', isNeeded: false }, [REGISTER, BEGIN]],
    ['LAST_FACTOR', 'left without a factor that he needs', { type: 'remove-totp', isNeeded: true }, [REGISTER, BEGIN, ENROL]],
    ['LAST_FACTOR', 'left without a passkey that he needs', { type: 'remove-passkey', passkeyId: 'k1', isNeeded: true }, [REGISTER, KEY]],
    ['PASSKEY_UNKNOWN', 'relieved of a passkey twice', { type: 'remove-passkey', passkeyId: 'k1', isNeeded: false }, [REGISTER, KEY, { type: 'remove-passkey', passkeyId: 'k1', isNeeded: false }]],
    ['PASSKEY_UNKNOWN', 'heard about a passkey that was reset', { type: 'rename-passkey', passkeyId: 'k1', name: 'x' }, [REGISTER, KEY, { type: 'reset-factors', reason: 'lost' }]],
    ['PASSKEYS_TOO_MANY', 'given more passkeys than he may have', KEY, [REGISTER, ...KEYS]],
    ['PASSKEYS_TOO_MANY', 'asked to begin with one more', { type: 'begin-passkey' }, [REGISTER, ...KEYS]],
    ['MFA_NOT_ENROLLED', 'given backup codes without a factor', { type: 'make-backup-codes', backupCodeIds: ['c1'] }, [REGISTER, BEGIN]],
    ['PHONE_NOT_ENROLLED', 'sent a code to a telephone that he has not confirmed', { type: 'send-sms' }, [REGISTER, { type: 'begin-phone', phone: '+41790000000' }]],
    ['PHONE_NOT_ENROLLED', 'relieved of a telephone twice', { type: 'remove-phone' }, [REGISTER, { type: 'begin-phone', phone: '+41790000000' }, { type: 'remove-phone' }]],
    ['CODE_REFUSED', 'let in by a code that was made anew', { type: 'use-backup-code', codeId: 'c1' }, [REGISTER, BEGIN, ENROL, { type: 'make-backup-codes', backupCodeIds: ['c3'] }]],
    ['CODE_REFUSED', 'let in by a code of a factor that is gone', { type: 'use-backup-code', codeId: 'c1' }, [REGISTER, KEY, { type: 'remove-passkey', passkeyId: 'k1', isNeeded: false }]],
    ['CODE_REFUSED', 'let in by a code that he never had', { type: 'use-backup-code', codeId: 'c9' }, [REGISTER, BEGIN, ENROL]],
    ['CODE_REFUSED', 'let in twice by one code', { type: 'use-backup-code', codeId: 'c1' }, [REGISTER, BEGIN, ENROL, { type: 'use-backup-code', codeId: 'c1' }]],
  ])('%s: is not %s', (code, _what, command, before) => {
    expect(codeOf(() => user(command, users(...before)))).toBe(code);
  });
});

it('a factor may go while another is there, and its backup codes stay', () => {
  const state = users(REGISTER, BEGIN, ENROL, KEY, { type: 'remove-totp', isNeeded: true });
  expect(state!.factors).toEqual({ totp: 'none', phone: 'none', passkeys: new Set(['k1']), backupCodes: new Set(['c1']) });
});

describe('a session', () => {
  it('ends after 30 days without use, and after 90 days in any case', () => {
    expect([0, 50 * DAY_MS, 70 * DAY_MS].map((nowMs) => expiryOf(0, nowMs))).toEqual([SESSION_IDLE_MS, 80 * DAY_MS, SESSION_LIFE_MS]);
  });

  it.each([
    [0, SESSION_IDLE_MS, false],
    [DAY_MS - 1, SESSION_IDLE_MS, false],
    [DAY_MS, SESSION_IDLE_MS, true],
    [65 * DAY_MS, SESSION_LIFE_MS, false],
  ])('used after %i ms and ending at %i is renewed: %p', (nowMs, expiresAtMs, isDue) => {
    expect(isRenewalDue({ startedAtMs: 0, expiresAtMs }, nowMs)).toBe(isDue);
  });

  it('is renewed once a day, however often it is used', () => {
    expect(session({ type: 'renew', nowMs: DAY_MS - 1 }, [START])).toEqual([]);
    expect(session({ type: 'renew', nowMs: DAY_MS }, [START])[0]?.data).toEqual({ userId: 'u1', expiresAt: new Date(31 * DAY_MS).toISOString() });
    expect(session({ type: 'renew', nowMs: DAY_MS + 1 }, [START, { type: 'renew', nowMs: DAY_MS }])).toEqual([]);
  });

  it('ends once', () => {
    expect(session({ type: 'end', why: 'revoked', nowMs: 1 }, [START, { type: 'end', why: 'signed-out', nowMs: 0 }])).toEqual([]);
  });

  it.each<[string, string, Bare<SessionCommand>, readonly Bare<SessionCommand>[]]>([
    ['CONFLICT', 'started twice', START, [START]],
    ['SESSION_UNKNOWN', 'ended before it began', { type: 'end', why: 'revoked', nowMs: 0 }, []],
    ['UNAUTHENTICATED', 'renewed after its end', { type: 'renew', nowMs: 2 * DAY_MS }, [START, { type: 'end', why: 'revoked', nowMs: 0 }]],
    ['UNAUTHENTICATED', 'renewed when it has expired', { type: 'renew', nowMs: SESSION_IDLE_MS }, [START]],
    ['UNAUTHENTICATED', 'worth more after its end', { type: 'step-up', assurance: 'mfa', nowMs: 1 }, [START, { type: 'end', why: 'revoked', nowMs: 0 }]],
  ])('%s: is not %s', (code, _what, command, before) => {
    expect(codeOf(() => session(command, before))).toBe(code);
  });
});

it('strangers of one day share a subject, those of another do not', () => {
  expect([strangerOf('2026-01-31T00:00:00.000Z'), strangerOf('2026-01-31T23:59:59.999Z'), strangerOf('2026-02-01T00:00:00.000Z')]).toEqual(['stranger-2026-01-31', 'stranger-2026-01-31', 'stranger-2026-02-01']);
});

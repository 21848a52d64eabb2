import { describe, expect, it } from '@jest/globals';
import { API_KEY_DAYS_MAX } from '@countersign/contracts';
import { apiKeyAggregate, type ApiKeyCommand, type ApiKeyState } from '../src/domain/api-key.js';
import { IdentityFault } from '../src/domain/identity-fault.js';
import { serviceAccountAggregate, type ServiceAccount, type ServiceAccountCommand } from '../src/domain/service-account.js';

const DAY_MS = 86_400_000;
const ORIGIN = { subject: 'admin', ip: '192.0.2.1', userAgent: 'Browser/1.0' };
type Bare<C, K extends string> = C extends unknown ? Omit<C, K | 'origin'> : never;
type BareKey = Bare<ApiKeyCommand, 'keyId'>;
type BareAccount = Bare<ServiceAccountCommand, 'accountId'>;

const key = (command: BareKey, state: ApiKeyState | undefined) => apiKeyAggregate.decide({ ...command, keyId: 'k1', origin: ORIGIN }, state);
const keys = (...commands: readonly BareKey[]): ApiKeyState | undefined =>
  commands.reduce<ApiKeyState | undefined>((state, command) => key(command, state).reduce<ApiKeyState | undefined>((before, event) => apiKeyAggregate.evolve(before, event), state), undefined);
const account = (command: BareAccount, state: ServiceAccount | undefined) => serviceAccountAggregate.decide({ ...command, accountId: 'a1', origin: ORIGIN }, state);
const accounts = (...commands: readonly BareAccount[]): ServiceAccount | undefined =>
  commands.reduce<ServiceAccount | undefined>((state, command) => account(command, state).reduce<ServiceAccount | undefined>((before, event) => serviceAccountAggregate.evolve(before, event), state), undefined);
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof IdentityFault) return error.code;
    throw error;
  }
  return 'none';
};

const CREATE: Extract<BareKey, { type: 'create' }> = {
  type: 'create', owner: { type: 'user', id: 'u1' }, createdBy: 'u1', organization: 'acme', name: "Ana's laptop", grants: [{ permission: 'audit.read', scope: 'own' }], days: 90, nowMs: 0,
};
const REVOKE: BareKey = { type: 'revoke', nowMs: DAY_MS };
const MAKE: BareAccount = { type: 'create', name: 'billing', organization: 'acme' };
const GRANT: BareAccount = { type: 'grant-role', role: { role: 'service', organization: 'acme' } };
const TAKE: BareAccount = { type: 'revoke-role', role: { role: 'service', organization: 'acme' } };

describe('an API key', () => {
  it('is made with what it may do in clear, and what it is called under the key of its owner', () => {
    const [event] = key(CREATE, undefined);
    expect(event).toMatchObject({
      type: 'identity.api-key.created',
      resource: { type: 'api-key', id: 'k1' },
      data: { owner: { type: 'user', id: 'u1' }, createdBy: 'u1', organization: 'acme', grants: ['audit.read:own'], expiresAt: new Date(90 * DAY_MS).toISOString() },
      personal: [{ subject: 'u1', data: { name: "Ana's laptop" } }, { subject: 'admin', data: { ip: '192.0.2.1', userAgent: 'Browser/1.0' } }],
    });
  });

  it('is revoked once, and says whether it was over already', () => {
    expect(key(REVOKE, keys(CREATE)).map(({ type, data }) => [type, data])).toEqual([['identity.api-key.revoked', { wasExpired: false }]]);
    expect(key({ type: 'revoke', nowMs: 91 * DAY_MS }, keys(CREATE))[0]?.data).toEqual({ wasExpired: true });
    expect(key(REVOKE, keys(CREATE, REVOKE))).toEqual([]);
  });

  it.each<[string, string, BareKey, readonly BareKey[]]>([
    ['CONFLICT', 'made twice', CREATE, [CREATE]],
    ['API_KEY_UNKNOWN', 'revoked before it is made', REVOKE, []],
    ['REQUEST_MALFORMED', 'made for no time', { ...CREATE, days: 0 }, []],
    ['REQUEST_MALFORMED', 'made for longer than any key', { ...CREATE, days: API_KEY_DAYS_MAX + 1 }, []],
    ['REQUEST_MALFORMED', 'made for ever', { ...CREATE, days: Number.NaN }, []],
  ])('%s: is not %s', (code, _what, command, before) => {
    expect(codeOf(() => key(command, keys(...before)))).toBe(code);
  });
});

describe('a service account', () => {
  it('holds what it was given and not what was taken', () => {
    expect([...accounts(MAKE, GRANT)!.roles]).toEqual(['service@acme']);
    expect([...accounts(MAKE, GRANT, TAKE)!.roles]).toEqual([]);
  });

  it.each<[string, BareAccount, readonly BareAccount[]]>([
    ['disabled', { type: 'disable', reason: 'x' }, [{ type: 'disable', reason: 'x' }]],
    ['enabled', { type: 'enable' }, [{ type: 'disable', reason: 'x' }, { type: 'enable' }]],
    ['given a role', GRANT, [GRANT]],
    ['relieved of a role', TAKE, []],
  ])('that is as asked already is not %s again', (_what, command, before) => {
    expect(account(command, accounts(MAKE, ...before))).toEqual([]);
  });

  it.each<[string, string, BareAccount, readonly BareAccount[]]>([
    ['CONFLICT', 'made twice', MAKE, [MAKE]],
    ['SERVICE_ACCOUNT_UNKNOWN', 'disabled before it is made', { type: 'disable', reason: 'x' }, []],
    ['SERVICE_ACCOUNT_UNKNOWN', 'given a role before it is made', GRANT, []],
  ])('%s: is not %s', (code, _what, command, before) => {
    expect(codeOf(() => account(command, accounts(...before)))).toBe(code);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  allows,
  type Assignment,
  ASSURANCE_AGE_MS_MAX,
  ASSURANCE_SKEW_MS_MAX,
  customRoleSet,
  decide,
  decideGrant,
  type Denial,
  type Grant,
  PERMISSIONS,
  type PermissionId,
  permissionsIn,
  permissionSet,
  permissionsSeenFrom,
  type Principal,
  roleSet,
  scopeOf,
  setNeedsMfa,
  SYSTEM_ROLES,
  type Target,
  withAssurance,
} from './people.js';

const NOW = 1_800_000_000_000;
const acme = (role: Parameters<typeof roleSet>[0]): Assignment => ({ organization: 'acme', permissions: roleSet(role, 'organization') });
const platform = (role: Parameters<typeof roleSet>[0]): Assignment => ({ permissions: roleSet(role, 'global') });
const inAcme = (role: Parameters<typeof roleSet>[0], changes: Partial<Principal> = {}): Principal => withAssurance(NOW, { permissions: acme(role).permissions, ...changes });
const onPlatform = (role: Parameters<typeof roleSet>[0], changes: Partial<Principal> = {}): Principal => withAssurance(NOW, { permissions: platform(role).permissions, ...changes });
const ME: Target = { userId: 'u1', organization: 'acme' };
const COLLEAGUE: Target = { userId: 'u2', organization: 'acme', assignments: [acme('member')] };
const STRANGER: Target = { userId: 'u3', organization: 'globex', assignments: [{ organization: 'globex', permissions: roleSet('member', 'organization') }] };
const NO_MFA = { needed: true, enrolled: false };
const PASSWORD_ONLY = { level: 'password', atMs: NOW } as const;

describe('scopeOf', () => {
  it.each([
    ['own', { userId: 'u1' }],
    ['own', { userId: 'u1', organization: 'globex' }],
    ['organization', { userId: 'u2', organization: 'acme' }],
    ['organization', { organization: 'acme' }],
    ['global', { userId: 'u2', organization: 'globex' }],
    ['global', { userId: 'u2' }],
    ['global', {}],
  ] as const)('is %s for %j', (scope, target) => {
    expect(scopeOf({ userId: 'u1', organization: 'acme' }, target)).toBe(scope);
  });

  it('is global for things of no organisation when the principal acts in none', () => {
    expect(scopeOf({ userId: 'u1', organization: undefined }, { userId: 'u2', organization: undefined })).toBe('global');
    expect(scopeOf({ userId: 'u1' }, {})).toBe('global');
  });
});

const CASES: ReadonlyArray<readonly [why: string, who: Principal, permission: PermissionId, target: Target, expected: Denial | 'allowed']> = [
  ['a member reads their account', inAcme('member'), 'user.read', ME, 'allowed'],
  ['a member does not read a colleague', inAcme('member'), 'user.read', COLLEAGUE, 'SCOPE_TOO_NARROW'],
  ['a member does not rotate keys', inAcme('member'), 'key.rotate', { organization: 'acme' }, 'PERMISSION_MISSING'],
  ['an admin reads a colleague', inAcme('admin'), 'user.read', COLLEAGUE, 'allowed'],
  ['an admin does not hop to another organisation', inAcme('admin'), 'user.read', STRANGER, 'SCOPE_TOO_NARROW'],
  ['an admin of the platform does', onPlatform('admin'), 'user.read', STRANGER, 'allowed'],
  ['an owner of an organisation does not touch the platform', inAcme('owner'), 'system.read', {}, 'PERMISSION_MISSING'],
  ['nor other organisations', inAcme('owner'), 'organization.update', { organization: 'globex' }, 'SCOPE_TOO_NARROW'],
  ['support voids the password of a member', inAcme('support'), 'password.reset', COLLEAGUE, 'allowed'],
  ['support does not void that of an admin', inAcme('support'), 'password.reset', { ...COLLEAGUE, assignments: [acme('admin')] }, 'TARGET_OUTRANKS'],
  ['nor of a member who is an owner elsewhere', inAcme('support'), 'password.reset', { ...COLLEAGUE, assignments: [acme('member'), { organization: 'globex', permissions: roleSet('owner', 'organization') }] }, 'TARGET_OUTRANKS'],
  ['an owner here does not take over an owner elsewhere', inAcme('owner'), 'mfa.reset', { ...COLLEAGUE, assignments: [{ organization: 'globex', permissions: roleSet('owner', 'organization') }] }, 'TARGET_OUTRANKS'],
  ['an owner here does not take over support of the platform', inAcme('owner'), 'mfa.reset', { ...COLLEAGUE, assignments: [platform('support')] }, 'TARGET_OUTRANKS'],
  ['nobody is taken over of whom nothing is known', onPlatform('owner'), 'mfa.reset', { ...COLLEAGUE, assignments: undefined }, 'TARGET_OUTRANKS'],
  ['what another will judge is let through', inAcme('support'), 'password.reset', { ...COLLEAGUE, assignments: 'judged-later' }, 'allowed'],
  ['one takes over oneself', inAcme('member'), 'user.change-email', ME, 'allowed'],
  ['an API key reads', inAcme('admin', { kind: 'api-key' }), 'user.read', COLLEAGUE, 'allowed'],
  ['an API key makes no API key', inAcme('admin', { kind: 'api-key' }), 'api-key.create', ME, 'PERSON_REQUIRED'],
  ['a service account assigns no role', inAcme('owner', { kind: 'service-account' }), 'role.assign', COLLEAGUE, 'PERSON_REQUIRED'],
  ['an API key needs no step-up', inAcme('admin', { kind: 'api-key', assurance: undefined }), 'member.remove', COLLEAGUE, 'allowed'],
  ['an admin without a second factor reads nobody', inAcme('admin', { mfa: NO_MFA, assurance: PASSWORD_ONLY }), 'user.read', COLLEAGUE, 'MFA_ENROLLMENT_REQUIRED'],
  ['but reads their account', inAcme('admin', { mfa: NO_MFA, assurance: PASSWORD_ONLY }), 'user.read', ME, 'allowed'],
  ['and enrols', inAcme('admin', { mfa: NO_MFA, assurance: PASSWORD_ONLY }), 'mfa.enroll', ME, 'allowed'],
  ['yet makes no API key', inAcme('admin', { mfa: NO_MFA, assurance: PASSWORD_ONLY }), 'api-key.create', ME, 'MFA_ENROLLMENT_REQUIRED'],
  ['an admin whose session knows only a password steps up', inAcme('admin', { assurance: PASSWORD_ONLY }), 'user.read', COLLEAGUE, 'STEP_UP_REQUIRED'],
  ['a session without any proof steps up', inAcme('admin', { assurance: undefined }), 'user.read', COLLEAGUE, 'STEP_UP_REQUIRED'],
  ['enrolling takes a fresh proof too', inAcme('member', { mfa: { needed: false, enrolled: false }, assurance: { level: 'password', atMs: NOW - ASSURANCE_AGE_MS_MAX - 1 } }), 'mfa.enroll', ME, 'STEP_UP_REQUIRED'],
  ['a member without a second factor proves by password', inAcme('member', { mfa: { needed: false, enrolled: false }, assurance: PASSWORD_ONLY }), 'api-key.create', ME, 'allowed'],
  ['a member with one does not', inAcme('member', { mfa: { needed: false, enrolled: true }, assurance: PASSWORD_ONLY }), 'api-key.create', ME, 'STEP_UP_REQUIRED'],
  ['a proof holds for 15 minutes', inAcme('admin', { assurance: { level: 'mfa', atMs: NOW - ASSURANCE_AGE_MS_MAX } }), 'member.remove', COLLEAGUE, 'allowed'],
  ['and no longer', inAcme('admin', { assurance: { level: 'mfa', atMs: NOW - ASSURANCE_AGE_MS_MAX - 1 } }), 'member.remove', COLLEAGUE, 'STEP_UP_REQUIRED'],
  ['an old proof does for what is not sensitive', inAcme('admin', { assurance: { level: 'mfa', atMs: 0 } }), 'user.read', COLLEAGUE, 'allowed'],
  ['clocks may differ a little', inAcme('admin', { assurance: { level: 'mfa', atMs: NOW + ASSURANCE_SKEW_MS_MAX } }), 'member.remove', COLLEAGUE, 'allowed'],
  ['a proof from the future is none', inAcme('admin', { assurance: { level: 'mfa', atMs: NOW + ASSURANCE_SKEW_MS_MAX + 1 } }), 'member.remove', COLLEAGUE, 'STEP_UP_REQUIRED'],
];

describe('decide', () => {
  it.each(CASES)('%s', (_why, who, permission, target, expected) => {
    const decision = decide(who, permission, target, NOW);
    expect(decision.allowed ? 'allowed' : decision.reason).toBe(expected);
    expect(decision.scope).toBe(scopeOf(who, target));
  });

  it('has a case for every trait', () => {
    const tried = new Set(CASES.flatMap(([, , permission]) => PERMISSIONS.find(({ id }) => id === permission)!.traits));
    expect([...tried].sort()).toEqual(['before-mfa', 'person', 'sensitive', 'takes-over']);
  });

  it('refuses a permission that does not exist', () => {
    expect(() => decide(onPlatform('owner'), 'user.nothing' as PermissionId, ME, NOW)).toThrow(expect.objectContaining({ code: 'ACCESS_PERMISSION_UNKNOWN' }));
  });

  it('never allows what the set does not', () => {
    const targets = [ME, COLLEAGUE, STRANGER, {}];
    for (const role of SYSTEM_ROLES) {
      for (const { id } of PERMISSIONS) {
        for (const target of targets) {
          const who = withAssurance(NOW, { permissions: roleSet(role.id, role.levels[0]!) });
          expect(decide(who, id, target, NOW).allowed && !allows(who.permissions, id, scopeOf(who, target))).toBe(false);
        }
      }
    }
  });
});

describe('what is held where', () => {
  const globex: Assignment = { organization: 'globex', permissions: roleSet('owner', 'organization') };

  it('is that of the organisation one acts in and of the platform, not of others', () => {
    const held = permissionsIn('acme', [acme('member'), globex, platform('viewer')]);
    expect(allows(held, 'audit.read', 'global')).toBe(true);
    expect(allows(held, 'member.read', 'organization')).toBe(true);
    expect(allows(held, 'role.assign', 'own')).toBe(false);
    expect(permissionsIn(undefined, [acme('owner')])).toEqual(permissionSet([]));
  });

  it('weighs more seen from elsewhere', () => {
    expect(allows(permissionsSeenFrom('acme', [globex]), 'role.assign', 'global')).toBe(true);
    expect(allows(permissionsSeenFrom('globex', [globex]), 'role.assign', 'global')).toBe(false);
    expect(allows(permissionsSeenFrom('acme', [globex]), 'password.change', 'organization')).toBe(false);
  });
});

describe('decideGrant', () => {
  it.each([
    ['an admin makes a member', inAcme('admin'), acme('member'), true],
    ['an admin makes an admin', inAcme('admin'), acme('admin'), true],
    ['an admin makes no owner', inAcme('admin'), acme('owner'), false],
    ['nor unmakes an auditor, who sees more', inAcme('admin'), acme('auditor'), false],
    ['an owner makes anything here', inAcme('owner'), acme('security-admin'), true],
    ['but nothing elsewhere', inAcme('owner'), { organization: 'globex', permissions: roleSet('viewer', 'organization') }, false],
    ['and nothing on the platform', inAcme('owner'), platform('viewer'), false],
    ['not even what looks as if it were for an organisation', inAcme('owner'), { permissions: roleSet('member', 'organization') }, false],
    ['an owner of the platform makes anything anywhere', onPlatform('owner'), platform('owner'), true],
    ['an admin defines a role of what they hold', inAcme('admin'), { organization: 'acme', permissions: customRoleSet([{ permission: 'member.invite', scope: 'organization' }]) }, true],
    ['and none of what they do not', inAcme('admin'), { organization: 'acme', permissions: customRoleSet([{ permission: 'key.rotate', scope: 'organization' }]) }, false],
  ] as const)('%s', (_why, who, granted, expected) => {
    expect(decideGrant(who, granted)).toMatchObject(expected ? { allowed: true } : { allowed: false, reason: 'GRANT_EXCEEDS_OWN' });
  });

  it('lets nobody give what they cannot do: whatever the grantee may then do to anything, the granter may do', () => {
    const grantable: Grant[] = PERMISSIONS.flatMap(({ id, scopes }) => scopes.map((scope) => ({ permission: id, scope })));
    const organizations = fc.constantFrom('acme', 'globex', undefined);
    fc.assert(
      fc.property(fc.subarray(grantable), fc.subarray(grantable, { maxLength: 3 }), organizations, (held, given, organization) => {
        const granter = withAssurance(NOW, { permissions: permissionSet(held) });
        const granted: Assignment = { organization, permissions: permissionSet(given) };
        if (!decideGrant(granter, granted).allowed) return;
        for (const actsIn of ['acme', 'globex']) {
          const grantee = { userId: 'grantee', organization: actsIn, permissions: permissionsIn(actsIn, [granted]) };
          for (const target of [{ userId: 'u9', organization: 'acme' }, { userId: 'u9', organization: 'globex' }, {}]) {
            const reached = given.filter(({ permission }) => allows(grantee.permissions, permission, scopeOf(grantee, target)));
            expect(reached.filter(({ permission }) => !allows(granter.permissions, permission, scopeOf(granter, target)))).toEqual([]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('setNeedsMfa', () => {
  it('goes by what may be done to others, whatever the role is called', () => {
    expect(setNeedsMfa(customRoleSet([{ permission: 'role.assign', scope: 'organization' }]))).toBe(true);
    expect(setNeedsMfa(customRoleSet([{ permission: 'api-key.create', scope: 'own' }, { permission: 'audit.read', scope: 'organization' }]))).toBe(false);
  });
});

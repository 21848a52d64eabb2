import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Grant,
  NO_PERMISSIONS,
  PERMISSIONS,
  type PermissionId,
  SCOPES,
  type Scope,
  allows,
  commonOf,
  covers,
  customRoleSet,
  decodeSet,
  encodeSet,
  grantsOf,
  permissionOf,
  permissionSet,
  roleSet,
  unionOf,
  widestScope,
} from '../src/index.js';

const GRANTABLE: readonly Grant[] = PERMISSIONS.flatMap(({ id, scopes }) => scopes.map((scope) => ({ permission: id, scope })));
const PAIRS = PERMISSIONS.flatMap(({ id }) => SCOPES.map((scope) => [id, scope] as const));
const grantsArb = fc.subarray([...GRANTABLE]);
const rank = (scope: Scope): number => SCOPES.indexOf(scope);

/** The definition, without bits. */
const isGranted = (grants: readonly Grant[], permission: PermissionId, scope: Scope): boolean =>
  grants.some((grant) => grant.permission === permission && rank(grant.scope) >= rank(scope));

const holdings = (holds: (permission: PermissionId, scope: Scope) => boolean): string[] => PAIRS.filter(([id, scope]) => holds(id, scope)).map((pair) => pair.join(' '));
const ofSet = (set: ReturnType<typeof permissionSet>): string[] => holdings((id, scope) => allows(set, id, scope));

describe('a permission set', () => {
  it('allows what is granted in that scope or a wider one, and nothing else', () => {
    fc.assert(fc.property(grantsArb, (grants) => expect(ofSet(permissionSet(grants))).toEqual(holdings((id, scope) => isGranted(grants, id, scope)))), { numRuns: 200 });
  });

  it('joins and meets as sets do', () => {
    fc.assert(
      fc.property(grantsArb, grantsArb, (left, right) => {
        const [a, b] = [permissionSet(left), permissionSet(right)];
        expect(ofSet(unionOf(a, b))).toEqual(holdings((id, scope) => isGranted(left, id, scope) || isGranted(right, id, scope)));
        expect(ofSet(commonOf(a, b))).toEqual(holdings((id, scope) => isGranted(left, id, scope) && isGranted(right, id, scope)));
        expect(covers(a, b)).toBe(PAIRS.every(([id, scope]) => allows(a, id, scope) || !allows(b, id, scope)));
      }),
      { numRuns: 200 },
    );
  });

  it('covers what it was put together from, and a set without one of its bits does not cover it', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...GRANTABLE], { minLength: 1 }), ([first, ...rest]) => {
        const all = permissionSet([first!, ...rest]);
        expect(covers(all, permissionSet(rest))).toBe(true);
        expect(covers(permissionSet(rest.filter(({ permission }) => permission !== first!.permission)), all)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('survives its text, and its grants make it again', () => {
    fc.assert(
      fc.property(grantsArb, (grants) => {
        const set = permissionSet(grants);
        expect(decodeSet(encodeSet(set))).toEqual(set);
        expect(permissionSet(grantsOf(set))).toEqual(set);
      }),
      { numRuns: 200 },
    );
  });

  it('reads any text or refuses it by code, and no two texts are the same set', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url'))), (text) => {
        try {
          const again = encodeSet(decodeSet(text));
          expect(text.startsWith(again.slice(0, -1))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ACCESS_SET_MALFORMED' });
        }
      }),
    );
  });

  it.each([
    ['padding', 'AQ=='],
    ['characters of plain base64', 'A+8A'],
    ['white space', ' AQ'],
    ['bits that no byte holds', 'AR'],
    ['a zero byte at the end', 'AQA'],
    ['a wider scope without the narrower', Buffer.from([0b100]).toString('base64url')],
    ['more than can ever be', Buffer.alloc(4000, 0xff).toString('base64url')],
  ])('refuses text with %s', (_why, text) => {
    expect(() => decodeSet(text)).toThrow(expect.objectContaining({ code: 'ACCESS_SET_MALFORMED' }));
  });

  it('has recorded texts: bits do not move', () => {
    expect(encodeSet(NO_PERMISSIONS)).toBe('');
    expect(encodeSet(permissionSet([{ permission: 'user.read', scope: 'own' }]))).toBe('AQ');
    expect(encodeSet(permissionSet([{ permission: 'user.read', scope: 'global' }, { permission: 'user.create', scope: 'organization' }]))).toBe('Hw');
    expect(encodeSet(permissionSet([{ permission: 'system.read', scope: 'global' }]))).toBe('AAAAAAAAAAAAAAAAAAAAAAAAAA4');
  });

  it('drops permissions that are not known yet, and grants nothing for them', () => {
    const known = roleSet('owner', 'global');
    const bits = PERMISSIONS.length * SCOPES.length;
    const bytes = Buffer.concat([Buffer.from(encodeSet(known), 'base64url'), Buffer.alloc(10)]);
    for (let bit = bits; bit < bits + 20; bit += 1) bytes[bit >>> 3]! |= 1 << (bit & 7);
    const end = ((bits + 19) >>> 3) + 1;
    expect(decodeSet(bytes.toString('base64url', 0, end))).toEqual(known);
  });

  it.each(['user.nothing', 'constructor', '__proto__', 'toString', ''])('does not know %j, and says so instead of answering', (id) => {
    const unknown = expect.objectContaining({ code: 'ACCESS_PERMISSION_UNKNOWN' });
    expect(() => permissionOf(id)).toThrow(unknown);
    expect(() => allows(roleSet('owner', 'global'), id as PermissionId, 'own')).toThrow(unknown);
    expect(() => permissionSet([{ permission: id as PermissionId, scope: 'own' }])).toThrow(unknown);
  });

  it('refuses a grant in a scope that the permission does not have', () => {
    const forbidden = expect.objectContaining({ code: 'ACCESS_SCOPE_FORBIDDEN' });
    expect(() => permissionSet([{ permission: 'key.destroy', scope: 'organization' }])).toThrow(forbidden);
    expect(() => permissionSet([{ permission: 'mfa.enroll', scope: 'global' }])).toThrow(forbidden);
    expect(() => permissionSet([{ permission: 'user.read', scope: 'everything' as Scope }])).toThrow(forbidden);
    expect(() => roleSet('operator', 'organization')).toThrow(forbidden);
    expect(() => roleSet('root' as 'owner', 'global')).toThrow(forbidden);
    expect(() => customRoleSet([{ permission: 'user.read', scope: 'global' }])).toThrow(forbidden);
  });

  it('of a custom role is that of its grants', () => {
    const grants: Grant[] = [{ permission: 'member.invite', scope: 'organization' }];
    expect(customRoleSet(grants)).toEqual(permissionSet(grants));
  });

  it('knows the widest scope of each permission', () => {
    const set = roleSet('member', 'organization');
    expect(widestScope(set, 'member.read')).toBe('organization');
    expect(widestScope(set, 'mfa.enroll')).toBe('own');
    expect(widestScope(set, 'key.rotate')).toBeUndefined();
  });
});

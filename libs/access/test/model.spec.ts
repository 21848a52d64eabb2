import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allows, grantsOf, PERMISSIONS, permissionSet, roleSet, rolesNeedMfa, SCOPES, setNeedsMfa, SYSTEM_ROLES, covers, unionOf } from '../src/index.js';
import { RECORDED_PERMISSIONS } from './recorded-permissions.js';
import { grantTable, permissionTable, roleTable, severityTable } from './tables.js';

const ids = PERMISSIONS.map(({ id }) => id);
const roleAtLevel = SYSTEM_ROLES.flatMap((role) => role.levels.map((level) => [role.id, level, role] as const));

describe('the permissions', () => {
  it('stand in the order in which they were recorded: new ones only at the end', () => {
    expect(ids).toEqual([...RECORDED_PERMISSIONS]);
  });

  it('are named once each, <resource>.<action>', () => {
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/.test(id))).toEqual([]);
  });

  it('name their scopes from narrow to wide, at least one, and say what they are', () => {
    const sorted = PERMISSIONS.filter(({ scopes }) => scopes.length > 0 && scopes.join() === SCOPES.filter((scope) => scopes.includes(scope)).join());
    expect(sorted.map(({ id }) => id)).toEqual(ids);
    expect(PERMISSIONS.filter(({ description }) => description.length < 10)).toEqual([]);
  });

  it('let nobody do before the second factor what reaches beyond their own account', () => {
    const early = PERMISSIONS.filter(({ traits }) => traits.includes('before-mfa'));
    expect(early.map(({ id }) => id)).toEqual(['user.read', 'password.change', 'mfa.enroll', 'session.read', 'session.revoke']);
  });
});

describe('the system roles', () => {
  it('are eleven', () => {
    expect(SYSTEM_ROLES.map(({ id }) => id)).toEqual(['owner', 'admin', 'security-admin', 'auditor', 'operator', 'support', 'privacy-officer', 'member', 'viewer', 'service', 'alerting']);
  });

  it.each(roleAtLevel)('%s at level %s can be made into a set', (id, level) => {
    expect(grantsOf(roleSet(id, level)).length).toBeGreaterThan(0);
  });

  it.each(roleAtLevel)('%s at level %s is granted nothing twice over', (_id, _level, { grants }) => {
    const wide = grants.filter(({ scope }) => scope !== 'own').map(({ permission }) => permission);
    expect(new Set(wide).size).toBe(wide.length);
  });

  it.each(roleAtLevel.filter(([, level]) => level === 'organization'))('%s in an organisation reaches nothing outside of it', (id) => {
    const set = roleSet(id, 'organization');
    expect(ids.filter((permission) => allows(set, permission, 'global'))).toEqual([]);
  });

  it.each(roleAtLevel.filter(([, , { holder }]) => holder === 'person'))('%s at level %s needs a second factor exactly when it may do something sensitive to others', (id, level, { needsMfa }) => {
    expect(setNeedsMfa(roleSet(id, level))).toBe(needsMfa);
  });

  it('service accounts may do nothing that takes a person', () => {
    const set = roleSet('service', 'organization');
    expect(PERMISSIONS.filter(({ id, traits }) => traits.includes('person') && allows(set, id, 'own'))).toEqual([]);
  });

  it('owner covers all others', () => {
    const others = roleAtLevel.map(([id, level]) => roleSet(id, level));
    expect(covers(roleSet('owner', 'global'), unionOf(...others))).toBe(true);
    expect(covers(roleSet('owner', 'global'), permissionSet(PERMISSIONS.flatMap(({ id, scopes }) => scopes.map((scope) => ({ permission: id, scope })))))).toBe(true);
  });

  it('that need a second factor are known by name, others are not', () => {
    expect(rolesNeedMfa(['viewer', 'operator'])).toBe(true);
    expect(rolesNeedMfa(['viewer', 'member', 'service', 'of-our-own'])).toBe(false);
  });
});

describe('docs/spec/access.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/spec/access.md'), 'utf8');

  it.each([
    ['permissions', permissionTable()],
    ['roles', roleTable()],
    ['grants', grantTable()],
    ['severity', severityTable()],
  ])('holds the table of %s as it is in the code', (name, table) => {
    const [, held] = new RegExp(`<!-- table: ${name} -->\\n([^]*?)\\n<!-- end -->`).exec(page) ?? [];
    expect(held).toBe(table);
  });
});

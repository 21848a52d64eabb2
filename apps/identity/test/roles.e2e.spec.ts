import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IDENTITY_DENIED_EVENT, IDENTITY_OPERATIONS, type IdentityOperationContract } from '@countersign/contracts';
import { codeOf, IdentityFixture, type Person, type RecordedEvent } from './fixture/identity-fixture.js';
import { until } from './fixture/until.js';

const HOME = 'home';
let fixture: IdentityFixture;
let admin: Person;

beforeAll(async () => {
  fixture = await IdentityFixture.make();
  admin = await fixture.administrator();
}, 120_000);
afterAll(() => fixture.close());

/** Somebody with a role and with a second factor. */
async function personWith(role: string, organization?: string): Promise<Person> {
  const person = await fixture.person();
  await fixture.enrol(person);
  await grant(admin, person, role, organization);
  await fixture.ask('step-up', person.browser, { code: fixture.code(person) });
  return person;
}

async function grant(by: Person, to: Person, role: string, organization?: string): Promise<void> {
  await fixture.ask('step-up', by.browser, { code: fixture.code(by) });
  await fixture.ask('role-grant', by.browser, { userId: to.userId, role, organization });
}

const fresh = async (person: Person): Promise<void> => void (await fixture.ask('step-up', person.browser, { code: fixture.code(person) }));

describe('a role', () => {
  it('that needs a second factor is as if it were not there before it is enrolled', async () => {
    const person = await fixture.person();
    await grant(admin, person, 'admin');
    expect(await codeOf(fixture.ask('user-list', person.browser, {}))).toBe('MFA_ENROLLMENT_REQUIRED');
    await fixture.enrol(person);
    expect(await codeOf(fixture.ask('user-list', person.browser, {}))).toBe('none');
  });

  it('holds from the very next request on, and no longer than it is held', async () => {
    const person = await personWith('support');
    expect(await codeOf(fixture.ask('user-show', person.browser, { userId: admin.userId }))).toBe('none');
    await fresh(admin);
    await fixture.ask('role-revoke', admin.browser, { userId: person.userId, role: 'support' });
    expect(await codeOf(fixture.ask('user-show', person.browser, { userId: admin.userId }))).toBe('FORBIDDEN');
  });

  it('of an organisation shows its members and nobody else', async () => {
    const person = await personWith('admin', HOME);
    const { users } = await fixture.ask('user-list', person.browser, { limit: 200 });
    expect(users.every(({ organization, roles }) => organization === HOME || roles.some((role) => role.organization === HOME))).toBe(true);
  });
});

describe('nobody', () => {
  it.each<[string, string, string | undefined, string]>([
    ['admin', 'owner', undefined, 'GRANT_EXCEEDS_OWN'],
    ['support', 'admin', undefined, 'FORBIDDEN'],
  ])('who is %s makes himself %s', async (held, wanted, organization, code) => {
    const person = await personWith(held);
    expect(await codeOf(fixture.ask('role-grant', person.browser, { userId: person.userId, role: wanted, organization }))).toBe(code);
  });

  it('who administers an organisation reaches beyond it', async () => {
    const person = await personWith('admin', HOME);
    expect(await codeOf(fixture.ask('role-grant', person.browser, { userId: person.userId, role: 'admin' }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('user-disable', person.browser, { userId: admin.userId, reason: 'coup' }))).toBe('FORBIDDEN');
    expect(await codeOf(fixture.ask('session-revoke-all', person.browser, { userId: admin.userId }))).toBe('FORBIDDEN');
  });

  it('is given a role that does not exist, or is not of that level, or of an organisation that does not exist', async () => {
    const person = await fixture.person();
    await fresh(admin);
    const attempt = (role: string, organization?: string) => codeOf(fixture.ask('role-grant', admin.browser, { userId: person.userId, role, organization }));
    expect([await attempt('emperor'), await attempt('operator', HOME), await attempt('member'), await attempt('member', 'elsewhere'), await codeOf(fixture.ask('role-grant', admin.browser, { userId: 'nobody', role: 'viewer' }))]).toEqual(
      ['ROLE_UNKNOWN', 'ROLE_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'USER_UNKNOWN'],
    );
  });
});

describe('authority', () => {
  it('that is taken while it is used changes nothing any more: either it came first, or it is refused', async () => {
    const target = await fixture.person();
    for (let round = 0; round < 5; round++) {
      const acting = await personWith('owner');
      await fresh(admin);
      const [used] = await Promise.all([
        codeOf(fixture.ask('role-grant', acting.browser, { userId: target.userId, role: 'viewer' })),
        fixture.ask('user-disable', admin.browser, { userId: acting.userId, reason: 'race' }),
      ]);
      const { rows } = await fixture.pool.query(
        `SELECT EXISTS (SELECT FROM user_roles WHERE user_id = $1 AND role = 'viewer') AS "isGranted"`,
        [target.userId],
      );
      expect(['none', 'CONFLICT', 'UNAUTHENTICATED']).toContain(used);
      expect(rows[0]?.isGranted).toBe(used === 'none');
      await fresh(admin);
      await fixture.ask('role-revoke', admin.browser, { userId: target.userId, role: 'viewer' });
    }
  });
});

describe('the record', () => {
  it('has who tried what he may not: at once, and repeats as a number', async () => {
    const person = await fixture.person();
    const of = (): RecordedEvent[] => fixture.recorded(IDENTITY_DENIED_EVENT).filter(({ actor }) => actor.id === person.userId);
    for (let i = 0; i < 20; i++) expect(await codeOf(fixture.ask('user-list', person.browser, {}))).toBe('FORBIDDEN');
    await until('the first', () => of().length > 0);
    expect(of().slice(0, 1)).toEqual([expect.objectContaining({ outcome: 'denied', data: { operation: 'user-list', code: 'FORBIDDEN', count: 1 } })]);
    await until('all of them', () => of().reduce((sum, { data }) => sum + Number(data?.['count']), 0) === 20);
    expect(of().length).toBeLessThan(10);
  });

  it('has no event that the contract of no operation announces', () => {
    const contracts: readonly IdentityOperationContract[] = Object.values(IDENTITY_OPERATIONS);
    const announced = new Set([IDENTITY_DENIED_EVENT, ...contracts.flatMap(({ emits }) => emits ?? [])]);
    const types = new Set(fixture.book.recorded.map(({ json }) => (JSON.parse(json) as RecordedEvent).type));
    expect(types.size).toBeGreaterThan(5);
    expect([...types].filter((type) => type.startsWith('identity.') && !announced.has(type))).toEqual([]);
    expect(contracts.filter(({ emits, reads }) => (emits === undefined) === (reads === undefined))).toEqual([]);
  });
});

// At the end: it may leave the other one as the only administrator.
describe('the last administrator', () => {
  it('stays, also when two take the role from each other at the same moment', async () => {
    await fresh(admin);
    expect(await codeOf(fixture.ask('role-revoke', admin.browser, { userId: admin.userId, role: 'owner' }))).toBe('LAST_ADMINISTRATOR');
    expect(await codeOf(fixture.ask('user-disable', admin.browser, { userId: admin.userId, reason: 'x' }))).toBe('LAST_ADMINISTRATOR');
    const second = await personWith('owner');
    await fresh(admin);
    await fresh(second);
    const codes = await Promise.all([
      codeOf(fixture.ask('role-revoke', admin.browser, { userId: second.userId, role: 'owner' })),
      codeOf(fixture.ask('role-revoke', second.browser, { userId: admin.userId, role: 'owner' })),
    ]);
    expect(codes.filter((code) => code === 'none').length).toBeLessThanOrEqual(1);
    const { rows } = await fixture.pool.query(`SELECT count(*)::int AS owners FROM user_roles WHERE role = 'owner' AND organization = ''`);
    expect(rows[0]?.owners).toBeGreaterThanOrEqual(1);
  });
});

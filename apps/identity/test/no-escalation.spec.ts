import { describe, expect, it } from '@jest/globals';
import { covers, PERMISSIONS, permissionsIn, unionOf, type PermissionSet } from '@countersign/access';
import fc from 'fast-check';
import { roleHandlers } from '../src/administer/roles.js';
import { IdentityFault } from '../src/domain/identity-fault.js';
import { memberAggregate, type Member } from '../src/domain/member.js';
import { organizationAggregate, type Organization } from '../src/domain/organization.js';
import { customRoleHandlers } from '../src/organization/custom-roles.js';
import { memberHandlers } from '../src/organization/members.js';
import type { Flows } from '../src/parts.js';
import type { Asker } from '../src/request/asker.js';
import { assignmentOf, signedInBy } from '../src/request/authorise.js';
import type { CheckedSession } from '../src/store/session-rows.js';
import type { LoadedRole } from '../src/store/user-rows.js';

const NOW = new Date('2026-01-01T00:00:00.000Z');
const ACME = 'acme';
const PEOPLE = ['owner', 'admin', 'definer', 'member', 'other'] as const;
type Person = (typeof PEOPLE)[number];
const CUSTOM = ['r1', 'r2', 'r3'];

interface Aggregate {
  readonly name: string;
  readonly initialState: unknown;
  readonly decide: (command: never, state: never) => readonly object[];
  readonly evolve: (state: never, event: never) => unknown;
}

/** An organisation in memory: the operations as they are, over streams that nobody else writes. */
class World {
  readonly #streams = new Map<string, unknown>();
  readonly #handlers;

  constructor() {
    this.#run(organizationAggregate, ACME, { type: 'create', organization: ACME, name: 'Acme', origin: undefined });
    this.#define('definers', ['role.define', 'role.assign', 'role.read', 'member.read', 'audit.read']);
    const roles: Readonly<Record<Person, readonly string[]>> = { owner: ['owner'], admin: ['admin'], definer: ['definers', 'member'], member: ['member'], other: [] };
    for (const person of PEOPLE) this.#run(memberAggregate, person, { type: 'join', userId: person, roles: roles[person], origin: undefined });
    const flows = this.#flows();
    this.#handlers = { ...roleHandlers(flows), ...customRoleHandlers(flows), ...memberHandlers(flows) };
  }

  held(person: Person): PermissionSet {
    return permissionsIn(ACME, this.#rolesOf(person).map(assignmentOf));
  }

  /** The code that the operation is refused with, or `none`. */
  async ask(operation: keyof World['handlers'], person: Person, args: object): Promise<string> {
    try {
      await (this.handlers[operation] as (args: object, asker: Asker) => Promise<unknown>)(args, this.#asker(person));
      return 'none';
    } catch (error) {
      if (error instanceof IdentityFault) return error.code;
      throw error;
    }
  }

  get handlers() {
    return this.#handlers;
  }

  #organization(): Organization {
    return this.#streams.get(`organization/${ACME}`) as Organization;
  }

  #rolesOf(person: string): LoadedRole[] {
    const { roles } = (this.#streams.get(`member/${person}`) ?? memberAggregate.initialState) as Member;
    return [...roles].map((role) => ({ role, organization: ACME, permissions: this.#organization().roles.get(role)?.permissions }));
  }

  #define(role: string, permissions: readonly string[]): void {
    this.#run(organizationAggregate, ACME, { type: 'define-role', organization: ACME, role, description: role, grants: permissions.map((permission) => ({ permission, scope: 'organization' })), origin: undefined });
  }

  #run({ name, initialState, decide, evolve }: Aggregate, id: string, command: object): void {
    const key = `${name}/${id}`;
    const state = this.#streams.has(key) ? this.#streams.get(key) : initialState;
    this.#streams.set(key, decide(command as never, state as never).reduce((at, event) => evolve(at as never, event as never), state));
  }

  #flows(): Flows {
    const role = (id: string) => {
      const known = this.#organization().roles.get(id);
      return known && { organization: ACME, role: id, ...known };
    };
    const flows = {
      tenant: 'system',
      store: { execute: async (aggregate: Aggregate, { id, command }: { id: string; command: object }) => this.#run(aggregate, id, command) },
      organizations: { find: async () => ({ organization: ACME, name: ACME, state: 'open', created_at: NOW }), role: async (_organization: string, id: string) => role(id) },
      members: { isMember: async (_organization: string, userId: string) => ((this.#streams.get(`member/${userId}`) as Member | undefined)?.isMember ?? false) },
      users: { find: async (userId: string) => ({ user_id: userId, organization: ACME, access: '0', roles: this.#rolesOf(userId) }) },
      revocations: { enforce: async () => undefined, enforceOver: async () => undefined },
    };
    return flows as unknown as Flows;
  }

  #asker(person: Person): Asker {
    const session: CheckedSession = {
      session_id: 's', user_id: person, organization: ACME, started_at: NOW, expires_at: NOW, assurance: 'mfa', assurance_at: NOW, is_mfa_enrolled: true, password_due: null, is_due_recorded: false, api_keys_rest: false,
      access: '0', roles: this.#rolesOf(person), policies: [],
    };
    return { context: { ip: '192.0.2.1', userAgent: '', correlationId: 'c' }, cause: { actor: { type: 'user', id: person } }, command: {}, origin: undefined, signedIn: signedInBy(session), now: NOW };
  }
}

const person = fc.constantFrom(...PEOPLE);
const anyRole = fc.constantFrom(...CUSTOM, 'definers', 'owner', 'admin', 'support', 'member', 'viewer', 'auditor');
const grants = fc.uniqueArray(fc.constantFrom(...PERMISSIONS.filter(({ scopes }) => scopes.some((scope) => scope === 'organization')).map(({ id }) => id)), { minLength: 1, maxLength: 3 }).map((ids) => ids.map((permission) => ({ permission, scope: 'organization' })));
const step = fc.oneof(
  fc.record({ operation: fc.constantFrom('role-define' as const, 'role-change' as const), by: person, args: fc.record({ organization: fc.constant(ACME), role: fc.constantFrom(...CUSTOM, 'definers'), description: fc.constant('x'), grants }) }),
  fc.record({ operation: fc.constantFrom('role-grant' as const, 'role-revoke' as const), by: person, args: fc.record({ organization: fc.constant(ACME), userId: person, role: anyRole }) }),
  fc.record({ operation: fc.constant('member-remove' as const), by: person, args: fc.record({ organization: fc.constant(ACME), userId: person }) }),
);

describe('no sequence of operations', () => {
  it('gives anybody a permission that whoever acted did not hold, or takes one', async () => {
    let carriedOut = 0;
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
      const world = new World();
      const atFirst = unionOf(...PEOPLE.map((one) => world.held(one)));
      for (const { operation, by, args } of steps) {
        const before = new Map(PEOPLE.map((one) => [one, world.held(one)]));
        if ((await world.ask(operation, by, args)) === 'none') carriedOut++;
        for (const one of PEOPLE) {
          expect(covers(unionOf(before.get(one)!, before.get(by)!), world.held(one))).toBe(true);
          expect(covers(unionOf(world.held(one), before.get(by)!), before.get(one)!)).toBe(true);
        }
      }
      expect(covers(atFirst, unionOf(...PEOPLE.map((one) => world.held(one))))).toBe(true);
    }), { numRuns: 60 });
    // Otherwise the property would hold of doing nothing.
    expect(carriedOut).toBeGreaterThan(50);
  });
});

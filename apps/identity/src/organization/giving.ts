import { SYSTEM_ROLES, type Assignment } from '@countersign/access';
import type { PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import type { Asker, SignedIn } from '../request/asker.js';
import { assignmentOf, authorise, authoriseGrant } from '../request/authorise.js';
import { holdRole, lockOrganization, requireOpen } from '../store/organization-rows.js';

/** A role that somebody is about to give, or take, in an organisation. */
export interface GivenRole {
  readonly role: string;
  readonly assignment: Assignment;
  /** Of the organisation's own role, as it was judged. */
  readonly permissions: string | undefined;
}

/** Throws ROLE_UNKNOWN, also for roles that no person holds. */
export async function givenRoles({ organizations }: Pick<Flows, 'organizations'>, organization: string, roles: readonly string[]): Promise<GivenRole[]> {
  const unknown = (): IdentityFault => new IdentityFault('ROLE_UNKNOWN', 'there is no such role in the organisation', { field: 'role' });
  return Promise.all(
    [...new Set(roles)].map(async (role) => {
      const system = SYSTEM_ROLES.find(({ id }) => id === role);
      if (system !== undefined && system.holder !== 'person') throw unknown();
      if (system !== undefined) return { role, assignment: assignmentOf({ role, organization }), permissions: undefined };
      const custom = await organizations.role(organization, role);
      if (custom === undefined) throw unknown();
      return { role, assignment: assignmentOf(custom), permissions: custom.permissions };
    }),
  );
}

/** May he put these roles into somebody's hands, or take them away? Throws what {@link authorise} does, and GRANT_EXCEEDS_OWN. */
export function authoriseGiving(asker: Asker, organization: string, given: readonly GivenRole[]): SignedIn {
  // Judged where the roles are to hold: his own account would be within anybody's reach.
  const who = authorise(asker, 'role.assign', { organization });
  for (const { assignment } of given) authoriseGrant(who, assignment);
  return who;
}

/** Keeps the organisation open and the roles as they were judged until the commit. Throws ORGANIZATION_CLOSED, CONFLICT. */
export async function holdGiven(client: PoolClient, organization: string, given: readonly GivenRole[]): Promise<void> {
  // Shared: those who only add to what somebody holds do not wait for each other.
  await lockOrganization(client, organization, 'shared');
  await requireOpen(client, organization);
  for (const { role, permissions } of given) if (permissions !== undefined) await holdRole(client, organization, role, permissions);
}

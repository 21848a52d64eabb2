import { SYSTEM_ROLES } from '@countersign/access';
import type { IdentityArgs } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { assignmentOf, authorise, authoriseGrant, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { holdAuthority } from '../store/session-rows.js';
import { applyUserEvents } from '../store/user-rows.js';
import { leaveAnAdministrator } from './users.js';

export function roleHandlers(flows: Flows): Pick<Handlers, 'role-grant' | 'role-revoke'> {
  return {
    'role-grant': (args, asker) => assign(flows, 'grant-role', args, asker),
    'role-revoke': (args, asker) => assign(flows, 'revoke-role', args, asker),
  };
}

/** A person who acts as a program would need no second factor, and leave no trace of one. */
const isForPrograms = (role: string): boolean => SYSTEM_ROLES.some(({ id, holder }) => id === role && holder === 'service-account');

/** In force on the very next request everywhere: sessions are read with their roles, and edges are told before this returns. */
async function assign(flows: Flows, type: 'grant-role' | 'revoke-role', { userId, role, organization }: IdentityArgs<'role-grant'>, asker: Asker): Promise<Record<string, never>> {
  const { users, store, tenant, revocations, homeOrganization } = flows;
  const assignment = assignmentOf({ role, organization });
  if (isForPrograms(role)) throw new IdentityFault('ROLE_UNKNOWN', 'that role is for service accounts', { field: 'role' });
  if (organization !== undefined && organization !== homeOrganization) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'there is no such organisation', { field: 'organization' });
  const user = await users.find(userId);
  if (user === undefined) throw unknownUser();
  // Judged where the role is to hold, not where the account is kept.
  const who = authorise(asker, 'role.assign', { ...targetOf(user), organization });
  authoriseGrant(who, assignment);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type, userId, role: organization === undefined ? { role } : { role, organization }, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(who.session));
      await applyUserEvents(client, userId, events);
      if (type === 'revoke-role') await leaveAnAdministrator(client);
    },
  });
  await revocations.enforce(userId);
  return {};
}

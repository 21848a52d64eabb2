import type { HeldRole, IdentityArgs } from '@countersign/contracts';
import { allows } from '@countersign/access';
import { IdentityFault } from '../domain/identity-fault.js';
import { memberAggregate } from '../domain/member.js';
import { userAggregate } from '../domain/user.js';
import { authoriseGiving, givenRoles, holdGiven } from '../organization/giving.js';
import { openOrganization } from '../organization/organizations.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { assignmentOf, authorise, authoriseGrant } from '../request/authorise.js';
import { requireUsable } from '../request/restricted.js';
import { authority, unknownUser } from '../session/sessions.js';
import { applyMemberEvents, leaveAnOwner } from '../store/member-rows.js';
import { lockOrganization } from '../store/organization-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { applyUserEvents, type UserRow } from '../store/user-rows.js';
import { leaveAnAdministrator } from './users.js';

type Type = 'grant-role' | 'revoke-role';

export function roleHandlers(flows: Flows): Pick<Handlers, 'role-grant' | 'role-revoke'> {
  return {
    'role-grant': (args, asker) => assign(flows, 'grant-role', args, asker),
    'role-revoke': (args, asker) => assign(flows, 'revoke-role', args, asker),
  };
}

/** In force on the very next request everywhere: sessions are read with their roles, and edges are told before this returns. */
async function assign(flows: Flows, type: Type, { userId, role, organization }: IdentityArgs<'role-grant'>, asker: Asker): Promise<Record<string, never>> {
  const user = await flows.users.find(userId);
  if (organization === undefined) await assignOnPlatform(flows, type, { role }, user, asker);
  else await assignIn(flows, type, { role, organization }, user, asker);
  await flows.revocations.enforce(userId);
  return {};
}

async function assignOnPlatform({ store, tenant }: Flows, type: Type, role: HeldRole, user: UserRow | undefined, asker: Asker): Promise<void> {
  const assignment = assignmentOf(role);
  if (user === undefined) throw unknownUser();
  const who = authorise(asker, 'role.assign', {});
  authoriseGrant(who, assignment);
  if (type === 'grant-role') requireUsable(user, asker);
  const { user_id: userId } = user;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type, userId, role, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(who.session));
      await applyUserEvents(client, userId, events);
      if (type === 'revoke-role') await leaveAnAdministrator(client);
    },
  });
}

/** Recorded where it counts: in the organisation's ledger. */
async function assignIn(flows: Flows, type: Type, { role, organization }: Required<HeldRole>, user: UserRow | undefined, asker: Asker): Promise<void> {
  await openOrganization(flows, organization);
  const given = await givenRoles(flows, organization, [role]);
  if (user === undefined) throw unknownUser();
  const who = authoriseGiving(asker, organization, given);
  const { user_id: userId } = user;
  if (type === 'grant-role') requireUsable(user, asker);
  const isMember = await flows.members.isMember(organization, userId);
  // Nobody is drawn into an organisation that does not keep his account: he is invited. Whoever assigns roles everywhere may.
  const mayAdd = type === 'grant-role' && (user.organization === organization || allows(who.principal.permissions, 'role.assign', 'global'));
  if (!isMember && !mayAdd) throw new IdentityFault('MEMBER_UNKNOWN', 'he does not belong to the organisation', { field: 'userId' });
  const { origin } = asker;
  await flows.store.execute(memberAggregate, {
    tenant: organization,
    id: userId,
    command: isMember ? { type, userId, role, origin } : { type: 'join', userId, roles: [role], origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      if (type === 'revoke-role') await lockOrganization(client, organization);
      else await holdGiven(client, organization, given);
      await holdAuthority(client, authority(who.session));
      await applyMemberEvents(client, organization, userId, events, asker.now);
      if (type === 'revoke-role') await leaveAnOwner(client, organization, [role]);
    },
  });
}

import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { memberAggregate } from '../domain/member.js';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import type { Asker, Authorised, Handlers } from '../request/asker.js';
import { assignmentOf, authorise, authoriseGrant, personIn } from '../request/authorise.js';
import { isWithheld } from '../request/restricted.js';
import { authority } from '../session/sessions.js';
import { applyMemberEvents, leaveAnOwner, type MemberRow } from '../store/member-rows.js';
import { lockOrganization } from '../store/organization-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { openOrganization } from './organizations.js';

export function memberHandlers(flows: Flows): Pick<Handlers, 'member-list' | 'member-remove' | 'organization-leave'> {
  return {
    'member-list': (args, asker) => list(flows, args, asker),
    'member-remove': (args, asker) => removeOther(flows, args, asker),
    'organization-leave': (args, asker) => leave(flows, args, asker),
  };
}

async function list(flows: Flows, { organization, after = '', limit }: IdentityArgs<'member-list'>, asker: Asker): Promise<IdentityResult<'member-list'>> {
  authorise(asker, 'member.read', { organization });
  await openOrganization(flows, organization, 'closed-too');
  const rows = await flows.members.page(organization, after, limit + 1);
  const shown = rows.slice(0, limit);
  const column = (userId: string, which: string, sealed: string | null) => ({ subject: userId, table: 'users', column: which, row: userId, sealed });
  const told = (row: MemberRow, sealed: string): string | null => (isWithheld(row, asker) ? null : sealed);
  const texts = await flows.columns.open(shown.flatMap((row) => [column(row.user_id, 'email', told(row, row.email)), column(row.user_id, 'name', told(row, row.name))]));
  const members = shown.map(({ user_id, joined_at, roles, is_restricted }, at) => ({
    userId: user_id, email: texts[2 * at], name: texts[2 * at + 1], ...(is_restricted ? { isRestricted: true as const } : {}), roles: [...roles], joinedAt: joined_at.toISOString(),
  }));
  return { members, ...(rows.length > limit ? { next: shown.at(-1)!.user_id } : {}) };
}

async function removeOther(flows: Flows, { organization, userId }: IdentityArgs<'member-remove'>, asker: Asker): Promise<Record<string, never>> {
  const who = authorise(asker, 'member.remove', { organization });
  await openOrganization(flows, organization, 'closed-too');
  const user = await flows.users.find(userId);
  if (user === undefined) throw new IdentityFault('MEMBER_UNKNOWN', 'he does not belong to the organisation', { field: 'userId' });
  const held = user.roles.filter((role) => role.organization === organization);
  for (const role of held) authoriseGrant(who, assignmentOf(role));
  await remove(flows, { organization, userId, why: 'removed', judgedAccess: user.access }, who.session, asker);
  return {};
}

/** Anybody may go, whatever he holds; but somebody must stay to lead. */
async function leave(flows: Flows, { organization }: IdentityArgs<'organization-leave'>, asker: Asker): Promise<Record<string, never>> {
  const { session } = personIn(asker);
  if (!(await flows.members.isMember(organization, session.user_id))) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'there is no such organisation', { field: 'organization' });
  await remove(flows, { organization, userId: session.user_id, why: 'left', judgedAccess: session.access }, session, asker);
  return {};
}

interface Removal {
  readonly organization: string;
  readonly userId: string;
  readonly why: 'removed' | 'left';
  /** Of the member, when it was judged what he holds. */
  readonly judgedAccess: string;
}

async function remove({ store, revocations }: Flows, { organization, userId, why, judgedAccess }: Removal, session: Authorised, asker: Asker): Promise<void> {
  await store.execute(memberAggregate, {
    tenant: organization,
    id: userId,
    command: { type: 'remove', userId, why, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client, events) => {
      await lockOrganization(client, organization);
      await holdAuthority(client, authority(session));
      // What he got meanwhile is perhaps more than the asker may take.
      const same = await client.query('SELECT FROM users WHERE user_id = $1 AND access = $2 FOR UPDATE', [userId, judgedAccess]);
      if (same.rowCount !== 1) throw new IdentityFault('CONFLICT', 'what he holds was changed meanwhile');
      await applyMemberEvents(client, organization, userId, events, asker.now);
      await leaveAnOwner(client, organization, events.flatMap(({ data }) => data?.['roles'] as readonly string[]));
    },
  });
  await revocations.enforce(userId);
}

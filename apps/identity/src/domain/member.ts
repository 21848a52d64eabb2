import type { JsonObject } from '@countersign/chain';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

/** Somebody in one organisation, and the roles that he holds there. Its stream lies in the organisation's ledger. */
export interface Member {
  readonly isMember: boolean;
  readonly roles: ReadonlySet<string>;
}

type Change =
  | { readonly type: 'join'; readonly roles: readonly string[]; readonly invitationId?: string }
  | { readonly type: 'remove'; readonly why: 'removed' | 'left' }
  | { readonly type: 'grant-role'; readonly role: string }
  | { readonly type: 'revoke-role'; readonly role: string };

export type MemberCommand = Change & { readonly userId: string; readonly origin: Origin | undefined };

interface MemberEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const memberAggregate = defineAggregate<Member, MemberCommand, MemberEvent>({
  name: 'member',
  initialState: { isMember: false, roles: new Set() },
  decide: (command, member) => decide(command, member).map((event) => from(command.origin, { ...event, resource: { type: 'user', id: command.userId } })),
  evolve,
});

function decide(command: MemberCommand, { isMember, roles }: Member): readonly MemberEvent[] {
  if (command.type === 'join') {
    if (isMember) throw new IdentityFault('ALREADY_MEMBER', 'he belongs to the organisation already', { field: 'organization' });
    const { invitationId } = command;
    return [happened('joined', { roles: [...new Set(command.roles)], ...(invitationId === undefined ? {} : { invitationId }) })];
  }
  if (!isMember) throw new IdentityFault('MEMBER_UNKNOWN', 'he does not belong to the organisation', { field: 'userId' });
  switch (command.type) {
    case 'remove':
      return [happened('removed', { why: command.why, roles: [...roles] })];
    case 'grant-role':
      return roles.has(command.role) ? [] : [happened('role-granted', { role: command.role })];
    case 'revoke-role':
      return roles.has(command.role) ? [happened('role-revoked', { role: command.role })] : [];
  }
}

function evolve(member: Member, { type, data }: Pick<MemberEvent, 'type' | 'data'>): Member {
  const { roles } = member;
  switch (type.slice('identity.organization.member-'.length)) {
    case 'joined':
      return { isMember: true, roles: new Set(data['roles'] as readonly string[]) };
    case 'removed':
      return { isMember: false, roles: new Set() };
    case 'role-granted':
      return { ...member, roles: new Set([...roles, data['role'] as string]) };
    case 'role-revoked':
      return { ...member, roles: new Set([...roles].filter((role) => role !== data['role'])) };
    default:
      return member;
  }
}

function happened(what: string, data: JsonObject): MemberEvent {
  return { type: `identity.organization.member-${what}`, data, severity: 'notice' };
}

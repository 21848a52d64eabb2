import { AccessFault, customRoleSet, encodeSet, SYSTEM_ROLES, type Grant } from '@countersign/access';
import type { JsonObject } from '@countersign/chain';
import { CUSTOM_ROLES_MAX, type CustomGrant } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

/** An organisation and the roles of its own. Its members are aggregates of their own, so that it stays small however many there are. */
export interface Organization {
  readonly name: string;
  readonly state: 'open' | 'closed';
  readonly roles: ReadonlyMap<string, CustomRole>;
}

export interface CustomRole {
  readonly description: string;
  /** A set of libs/access, as text. */
  readonly permissions: string;
}

interface Definition {
  readonly role: string;
  readonly description: string;
  readonly grants: readonly CustomGrant[];
}

/** What the role granted when the asker was found to hold all of it. */
interface Judged {
  readonly judged: string;
}

type Change =
  | { readonly type: 'create'; readonly name: string }
  | { readonly type: 'rename'; readonly name: string }
  | { readonly type: 'close'; readonly reason: string }
  | { readonly type: 'reopen' }
  | ({ readonly type: 'define-role' } & Definition)
  | ({ readonly type: 'change-role' } & Definition & Judged)
  | ({ readonly type: 'remove-role'; readonly role: string } & Judged);

export type OrganizationCommand = Change & { readonly organization: string; readonly origin: Origin | undefined };

interface OrganizationEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const organizationAggregate = defineAggregate<Organization | undefined, OrganizationCommand, OrganizationEvent>({
  name: 'organization',
  initialState: undefined,
  decide: (command, organization) =>
    decide(command, organization).map((event) => from(command.origin, { ...event, resource: { type: 'organization', id: command.organization } })),
  evolve,
});

/** What the grants of a custom role come to. Throws ROLE_GRANTS_INVALID. */
export function setOfGrants(grants: readonly CustomGrant[]): ReturnType<typeof customRoleSet> {
  try {
    return customRoleSet(grants as readonly Grant[]);
  } catch (error) {
    if (error instanceof AccessFault) throw new IdentityFault('ROLE_GRANTS_INVALID', error.message, { field: 'grants' }, { cause: error });
    throw error;
  }
}

function decide(command: OrganizationCommand, organization: Organization | undefined): readonly OrganizationEvent[] {
  if (command.type === 'create') {
    if (organization !== undefined) throw new IdentityFault('ORGANIZATION_TAKEN', 'there is such an organisation already', { field: 'organization' });
    return [happened('created', { name: command.name })];
  }
  if (organization === undefined) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'there is no such organisation', { field: 'organization' });
  const { state } = organization;
  if (command.type === 'close') return state === 'closed' ? [] : [happened('closed', { reason: command.reason })];
  if (command.type === 'reopen') return state === 'open' ? [] : [happened('reopened', {})];
  if (state === 'closed' && command.type !== 'remove-role') throw new IdentityFault('ORGANIZATION_CLOSED', 'the organisation is closed', { field: 'organization' });
  if (command.type === 'rename') return command.name === organization.name ? [] : [happened('renamed', { name: command.name })];
  return decideRole(command, organization);
}

function decideRole(command: Extract<OrganizationCommand, { readonly role: string }>, { roles }: Organization): readonly OrganizationEvent[] {
  const { role } = command;
  const known = roles.get(role);
  if (command.type === 'define-role') {
    if (known !== undefined || SYSTEM_ROLES.some(({ id }) => id === role)) throw new IdentityFault('ROLE_TAKEN', 'there is such a role already', { field: 'role' });
    if (roles.size >= CUSTOM_ROLES_MAX) throw new IdentityFault('ROLES_TOO_MANY', `an organisation has at most ${CUSTOM_ROLES_MAX} roles of its own`, { field: 'role' });
    return [defined('role-defined', command)];
  }
  if (known === undefined) throw new IdentityFault('ROLE_UNKNOWN', 'the organisation has no such role', { field: 'role' });
  if (known.permissions !== command.judged) throw new IdentityFault('CONFLICT', 'the role was changed meanwhile', { field: 'role' });
  if (command.type === 'remove-role') return [happened('role-removed', { role })];
  const isSame = known.description === command.description && known.permissions === encodeSet(setOfGrants(command.grants));
  return isSame ? [] : [defined('role-changed', command)];
}

function defined(what: string, { role, description, grants }: Definition): OrganizationEvent {
  setOfGrants(grants);
  return happened(what, { role, description, grants: grants.map((grant) => ({ ...grant })) });
}

function evolve(organization: Organization | undefined, { type, data }: Pick<OrganizationEvent, 'type' | 'data'>): Organization | undefined {
  const what = type.slice('identity.organization.'.length);
  if (what === 'created') return { name: data['name'] as string, state: 'open', roles: new Map() };
  if (organization === undefined) return undefined;
  const { roles } = organization;
  const role = data['role'] as string;
  switch (what) {
    case 'renamed':
      return { ...organization, name: data['name'] as string };
    case 'closed':
    case 'reopened':
      return { ...organization, state: what === 'closed' ? 'closed' : 'open' };
    case 'role-removed':
      return { ...organization, roles: new Map([...roles].filter(([id]) => id !== role)) };
    case 'role-defined':
    case 'role-changed':
      return { ...organization, roles: new Map([...roles, [role, { description: data['description'] as string, permissions: encodeSet(setOfGrants(data['grants'] as unknown as readonly CustomGrant[])) }]]) };
    default:
      return organization;
  }
}

function happened(what: string, data: JsonObject): OrganizationEvent {
  return { type: `identity.organization.${what}`, data, severity: 'notice' };
}

import { decodeSet, encodeSet, grantsOf, roleSet, SYSTEM_ROLES } from '@countersign/access';
import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { setOfGrants } from '../domain/organization.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers, SignedIn } from '../request/asker.js';
import { authorise, authoriseGrant } from '../request/authorise.js';
import type { CustomRoleRow } from '../store/organization-rows.js';
import { changeOrganization, openOrganization } from './organizations.js';

type Names = 'role-list' | 'role-define' | 'role-change' | 'role-remove';

export function customRoleHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'role-list': (args, asker) => list(flows, args, asker),
    'role-define': (args, asker) => define(flows, args, asker),
    'role-change': (args, asker) => change(flows, args, asker),
    'role-remove': (args, asker) => remove(flows, args, asker),
  };
}

async function list(flows: Flows, { organization }: IdentityArgs<'role-list'>, asker: Asker): Promise<IdentityResult<'role-list'>> {
  authorise(asker, 'role.read', { organization });
  await openOrganization(flows, organization, 'closed-too');
  const system = SYSTEM_ROLES.filter(({ levels, holder }) => levels.includes('organization') && holder === 'person');
  const own = await flows.organizations.roles(organization);
  return {
    roles: [
      ...system.map(({ id, description }) => ({ role: id, description, kind: 'system' as const, grants: grantsOf(roleSet(id, 'organization')) })),
      ...own.map(({ role, description, permissions }) => ({ role, description, kind: 'custom' as const, grants: grantsOf(decodeSet(permissions)) })),
    ],
  };
}

async function define(flows: Flows, { organization, ...definition }: IdentityArgs<'role-define'>, asker: Asker): Promise<Record<string, never>> {
  const who = authorise(asker, 'role.define', { organization });
  await openOrganization(flows, organization);
  authoriseGrant(who, { organization, permissions: setOfGrants(definition.grants) });
  return changeOrganization(flows, { type: 'define-role', organization, ...definition, origin: asker.origin }, who.session, asker);
}

/** Gives what it adds to everybody who holds it, and takes what it leaves out: both must be the asker's own. In force everywhere when it returns. */
async function change(flows: Flows, { organization, ...definition }: IdentityArgs<'role-change'>, asker: Asker): Promise<Record<string, never>> {
  const who = authorise(asker, 'role.define', { organization });
  await openOrganization(flows, organization);
  const before = await ownRole(flows, organization, definition.role, who);
  authoriseGrant(who, { organization, permissions: setOfGrants(definition.grants) });
  const command = { type: 'change-role', organization, ...definition, judged: before.permissions, origin: asker.origin } as const;
  await changeOrganization(flows, command, who.session, asker);
  // Also when nothing was left to change: whoever asks again after a failure wants to be sure.
  await flows.revocations.enforceOver(organization);
  return {};
}

async function remove(flows: Flows, { organization, role }: IdentityArgs<'role-remove'>, asker: Asker): Promise<Record<string, never>> {
  const who = authorise(asker, 'role.define', { organization });
  await openOrganization(flows, organization, 'closed-too');
  const before = await ownRole(flows, organization, role, who);
  return changeOrganization(flows, { type: 'remove-role', organization, role, judged: before.permissions, origin: asker.origin }, who.session, asker);
}

/** Throws ROLE_UNKNOWN, and GRANT_EXCEEDS_OWN for a role that grants what the asker does not hold. */
async function ownRole({ organizations }: Flows, organization: string, role: string, who: SignedIn): Promise<CustomRoleRow> {
  const row = await organizations.role(organization, role);
  if (row === undefined) throw new IdentityFault('ROLE_UNKNOWN', 'the organisation has no such role', { field: 'role' });
  const permissions = decodeSet(row.permissions);
  authoriseGrant(who, { organization, permissions });
  return { ...row, permissions: encodeSet(permissions) };
}

import { allows } from '@countersign/access';
import type { IdentityArgs, IdentityResult, OrganizationView } from '@countersign/contracts';
import { EventStoreFault } from '@countersign/event-store';
import { IdentityFault } from '../domain/identity-fault.js';
import { organizationAggregate, type OrganizationCommand } from '../domain/organization.js';
import { expiryOf } from '../domain/session.js';
import type { Flows } from '../parts.js';
import type { Asker, Authorised, Handlers } from '../request/asker.js';
import { authorise, personIn, signedIn } from '../request/authorise.js';
import { authority, change } from '../session/sessions.js';
import { applyOrganizationEvents, lockOrganization, type OrganizationRow } from '../store/organization-rows.js';
import { enterOrganization, holdAuthority } from '../store/session-rows.js';

type Names = 'organization-create' | 'organization-list' | 'organization-show' | 'organization-rename' | 'organization-close' | 'organization-reopen' | 'organization-enter';

export function organizationHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'organization-create': (args, asker) => create(flows, args, asker),
    'organization-list': (args, asker) => list(flows, args, asker),
    'organization-show': async ({ organization }, asker) => {
      authorise(asker, 'organization.read', { organization });
      return viewOf(await openOrganization(flows, organization, 'closed-too'));
    },
    'organization-rename': ({ organization, name }, asker) => {
      const { session } = authorise(asker, 'organization.update', { organization });
      return changeOrganization(flows, { type: 'rename', organization, name, origin: asker.origin }, session, asker);
    },
    'organization-close': ({ organization, reason }, asker) => setState(flows, { type: 'close', organization, reason, origin: asker.origin }, asker),
    'organization-reopen': ({ organization }, asker) => setState(flows, { type: 'reopen', organization, origin: asker.origin }, asker),
    'organization-enter': (args, asker) => enter(flows, args, asker),
  };
}

/** Throws ORGANIZATION_UNKNOWN, ORGANIZATION_CLOSED. */
export async function openOrganization({ organizations }: Pick<Flows, 'organizations'>, organization: string, closedToo?: 'closed-too'): Promise<OrganizationRow> {
  const row = await organizations.find(organization);
  if (row === undefined) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'there is no such organisation', { field: 'organization' });
  if (row.state === 'closed' && closedToo === undefined) throw new IdentityFault('ORGANIZATION_CLOSED', 'the organisation is closed', { field: 'organization' });
  return row;
}

/** The organisation that keeps accounts which belong to no other is there from the first start on. */
export async function ensureHome({ organizations, store, homeOrganization: organization }: Flows): Promise<void> {
  if ((await organizations.find(organization)) !== undefined) return;
  try {
    await store.execute(organizationAggregate, {
      tenant: organization,
      id: organization,
      command: { type: 'create', organization, name: organization, origin: undefined },
      actor: { type: 'system', id: 'identity' },
      project: (client, events) => applyOrganizationEvents(client, organization, events, new Date()),
    });
  } catch (error) {
    // Another instance was first.
    const isMade = (error instanceof IdentityFault && error.code === 'ORGANIZATION_TAKEN') || (error instanceof EventStoreFault && error.code === 'STREAM_VERSION_CONFLICT');
    if (!isMade) throw error;
  }
}

async function create(flows: Flows, { organization, name }: IdentityArgs<'organization-create'>, asker: Asker): Promise<Record<string, never>> {
  const { session } = authorise(asker, 'organization.create', {});
  // Whoever reads the ledger of his organisation must not read that of the installation.
  if (organization === flows.tenant) throw new IdentityFault('ORGANIZATION_TAKEN', 'the name is the ledger of the installation', { field: 'organization' });
  return changeOrganization(flows, { type: 'create', organization, name, origin: asker.origin }, session, asker);
}

async function list(flows: Flows, { after = '', limit }: IdentityArgs<'organization-list'>, asker: Asker): Promise<IdentityResult<'organization-list'>> {
  const { principal } = signedIn(asker);
  const isGlobal = allows(principal.permissions, 'organization.read', 'global');
  const { session } = isGlobal ? authorise(asker, 'organization.read', {}) : authorise(asker, 'user.read', { userId: principal.userId });
  const rows = await flows.organizations.page(after, limit + 1, isGlobal ? undefined : session.user_id);
  const shown = rows.slice(0, limit);
  return { organizations: shown.map(viewOf), ...(rows.length > limit ? { next: shown.at(-1)!.organization } : {}) };
}

/** Whoever is in it when it closes loses what he could do there before this returns. */
async function setState(flows: Flows, command: Extract<OrganizationCommand, { type: 'close' | 'reopen' }>, asker: Asker): Promise<Record<string, never>> {
  const { organization } = command;
  const { session } = authorise(asker, 'organization.close', { organization });
  await openOrganization(flows, organization, 'closed-too');
  await changeOrganization(flows, command, session, asker);
  await flows.revocations.enforceOver(organization);
  return {};
}

/** One change of an organisation, with its read tables. */
export async function changeOrganization({ store }: Flows, command: OrganizationCommand, session: Authorised, asker: Asker): Promise<Record<string, never>> {
  const { organization } = command;
  await store.execute(organizationAggregate, {
    tenant: organization,
    id: organization,
    command,
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await lockOrganization(client, organization);
      await holdAuthority(client, authority(session));
      await applyOrganizationEvents(client, organization, events, asker.now);
    },
  });
  return {};
}

/** Roles count only in the organisation in which one acts. */
async function enter(flows: Flows, { organization }: IdentityArgs<'organization-enter'>, asker: Asker): Promise<Record<string, never>> {
  const { session } = personIn(asker);
  if (organization !== undefined) {
    // Nobody is told of organisations that he does not belong to.
    if (!(await flows.members.isMember(organization, session.user_id))) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'there is no such organisation', { field: 'organization' });
    await openOrganization(flows, organization);
  }
  const caps = await flows.policies.effective(organization);
  const expiresAt = new Date(expiryOf(session.started_at.getTime(), asker.now.getTime(), caps));
  await change(flows, session.session_id, { type: 'enter', organization }, asker, async (client) => {
    await holdAuthority(client, authority(session));
    await enterOrganization(client, session.session_id, organization, expiresAt);
  });
  await flows.revocations.enforce(session.user_id, [session.session_id]);
  return {};
}

const viewOf = ({ organization, name, state, created_at }: OrganizationRow): OrganizationView => ({ organization, name, state, createdAt: created_at.toISOString() });

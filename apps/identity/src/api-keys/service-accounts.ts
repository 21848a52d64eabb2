import { allows, SYSTEM_ROLES, type Assignment, type Target } from '@countersign/access';
import { SERVICE_ACCOUNTS_MAX, type HeldRole, type IdentityArgs, type IdentityResult, type ServiceAccountView } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { serviceAccountAggregate, type ServiceAccountCommand } from '../domain/service-account.js';
import type { PoolClient } from '@countersign/postgres';
import { holdGiven, type GivenRole } from '../organization/giving.js';
import { openOrganization } from '../organization/organizations.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers, SignedIn } from '../request/asker.js';
import { assignmentOf, authorise, authoriseGrant, heldRole, signedIn } from '../request/authorise.js';
import { authority } from '../session/sessions.js';
import { applyServiceAccountEvents, insertServiceAccount, type ServiceAccountRow } from '../store/service-account-rows.js';
import { idFor } from '../request/repeated.js';
import { holdAuthority } from '../store/session-rows.js';

type Names = 'service-account-list' | 'service-account-create' | 'service-account-disable' | 'service-account-enable' | 'service-account-role-grant' | 'service-account-role-revoke';
type Change = ServiceAccountCommand extends infer C ? (C extends ServiceAccountCommand ? Omit<C, 'accountId' | 'origin'> : never) : never;

export function serviceAccountHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'service-account-list': (args, asker) => list(flows, args, asker),
    'service-account-create': (args, asker) => create(flows, args, asker),
    'service-account-disable': ({ accountId, reason }, asker) => setState(flows, accountId, { type: 'disable', reason }, asker),
    'service-account-enable': ({ accountId }, asker) => setState(flows, accountId, { type: 'enable' }, asker),
    'service-account-role-grant': (args, asker) => assign(flows, 'grant-role', args, asker),
    'service-account-role-revoke': (args, asker) => assign(flows, 'revoke-role', args, asker),
  };
}

async function list({ serviceAccounts }: Flows, { after = '', limit }: IdentityArgs<'service-account-list'>, asker: Asker): Promise<IdentityResult<'service-account-list'>> {
  const { principal } = signedIn(asker);
  const organization = allows(principal.permissions, 'service-account.read', 'global') ? undefined : principal.organization;
  authorise(asker, 'service-account.read', { organization });
  const rows = await serviceAccounts.page(after, limit + 1, organization);
  const shown = rows.slice(0, limit);
  return { serviceAccounts: shown.map(viewOf), ...(rows.length > limit ? { next: shown.at(-1)!.account_id } : {}) };
}

async function create(flows: Flows, { name, organization }: IdentityArgs<'service-account-create'>, asker: Asker): Promise<IdentityResult<'service-account-create'>> {
  const { store, tenant, newId } = flows;
  if (organization !== undefined) await openOrganization(flows, organization);
  const { session } = authorise(asker, 'service-account.create', { organization });
  const accountId = idFor(asker, newId);
  await store.execute(serviceAccountAggregate, {
    tenant: organization ?? tenant,
    id: accountId,
    command: { type: 'create', accountId, name, organization, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await insertServiceAccount(client, { accountId, organization, name }, SERVICE_ACCOUNTS_MAX, asker.now);
    },
  });
  return { accountId };
}

async function setState(flows: Flows, accountId: string, change: Change, asker: Asker): Promise<Record<string, never>> {
  const account = await accountOf(flows, accountId);
  const who = authorise(asker, 'service-account.disable', targetOfAccount(account));
  await apply(flows, account, change, who, asker);
  return {};
}

/** Roles of programs, and of an organisation's own: those of persons ask for a second factor, or are about an account of one's own. */
async function assign(flows: Flows, type: 'grant-role' | 'revoke-role', { accountId, role, organization }: IdentityArgs<'service-account-role-grant'>, asker: Asker): Promise<Record<string, never>> {
  const account = await accountOf(flows, accountId);
  const held: HeldRole = organization === undefined ? { role } : { role, organization };
  // Over the account where it belongs to an organisation: elsewhere nobody is told that there is one.
  const target = targetOfAccount(account);
  const who = authorise(asker, 'role.assign', account.organization === null ? { ...target, organization } : target);
  if (account.organization !== null && organization !== account.organization) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'the account belongs to another organisation', { field: 'organization' });
  if (organization !== undefined) await openOrganization(flows, organization);
  const given = await roleOf(flows, held);
  authoriseGrant(who, given.assignment);
  await apply(flows, account, { type, role: held }, who, asker, async (client) => {
    if (type === 'grant-role' && organization !== undefined) await holdGiven(client, organization, [given]);
  });
  return {};
}

/** Of programs, or of the organisation's own. Throws ROLE_UNKNOWN. */
async function roleOf({ organizations }: Pick<Flows, 'organizations'>, held: HeldRole): Promise<GivenRole> {
  const { role, organization } = held;
  const system = SYSTEM_ROLES.find(({ id }) => id === role);
  if (system?.holder === 'person') throw new IdentityFault('ROLE_UNKNOWN', 'the role is for persons', { field: 'role' });
  const custom = system !== undefined || organization === undefined ? undefined : await organizations.role(organization, role);
  return { role, assignment: assignmentOf(custom ?? held), permissions: custom?.permissions };
}

/** In force on the very next request everywhere. */
async function apply({ store, tenant, revocations }: Flows, { account_id: accountId, ledger }: ServiceAccountRow, change: Change, who: SignedIn, asker: Asker, before?: (client: PoolClient) => Promise<void>): Promise<void> {
  await store.execute(serviceAccountAggregate, {
    tenant: ledger ?? tenant,
    id: accountId,
    command: { ...change, accountId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await before?.(client);
      await holdAuthority(client, authority(who.session));
      await applyServiceAccountEvents(client, accountId, events);
    },
  });
  await revocations.enforce(accountId);
}

/** Throws SERVICE_ACCOUNT_UNKNOWN. */
export async function accountOf({ serviceAccounts }: Flows, accountId: string): Promise<ServiceAccountRow> {
  const account = await serviceAccounts.find(accountId);
  if (account === undefined) throw new IdentityFault('SERVICE_ACCOUNT_UNKNOWN', 'there is no such account', { field: 'accountId' });
  return account;
}

/** An account as the target of an action, with everything that it holds. */
export function targetOfAccount({ account_id, organization, roles }: ServiceAccountRow): Target {
  return { userId: account_id, organization: organization ?? undefined, assignments: roles.map(assignmentOf) satisfies readonly Assignment[] };
}

function viewOf({ account_id, name, organization, state, roles, created_at }: ServiceAccountRow): ServiceAccountView {
  return { accountId: account_id, name, organization: organization ?? undefined, state, roles: roles.map(heldRole), createdAt: created_at.toISOString() };
}

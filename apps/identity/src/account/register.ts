import type { HeldRole, IdentityArgs, IdentityResult } from '@countersign/contracts';
import type { PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import { memberAggregate } from '../domain/member.js';
import { from } from '../domain/origin.js';
import { userAggregate, type RegisteredBy } from '../domain/user.js';
import { givenRoles, holdGiven } from '../organization/giving.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { applyMemberEvents } from '../store/member-rows.js';
import { countAdministrators, insertUser } from '../store/user-rows.js';

export function registerHandlers(flows: Flows): Pick<Handlers, 'register' | 'admin-create'> {
  return {
    register: (args, asker) => register(flows, args, asker),
    'admin-create': (args, asker) => createAdministrator(flows, args, asker),
  };
}

async function register(flows: Flows, args: IdentityArgs<'register'>, asker: Asker): Promise<IdentityResult<'register'>> {
  const { isRegistrationOpen, homeOrganization: organization, newId } = flows;
  if (!isRegistrationOpen) throw new IdentityFault('REGISTRATION_CLOSED', 'accounts are made by administrators');
  try {
    await createAccount(flows, args, { userId: newId(), by: 'open', organization, platformRoles: [], member: { organization, roles: ['member'] } }, asker);
  } catch (error) {
    if (!(error instanceof IdentityFault) || error.code !== 'EMAIL_TAKEN') throw error;
    // Told to the record, not to whoever asks.
    const refused = { type: 'identity.registration.refused', outcome: 'denied' as const, severity: 'notice' as const, data: { why: 'EMAIL_TAKEN' } };
    await flows.store.append({ tenant: flows.tenant, stream: `registration/${flows.newId()}`, expectedVersion: 0, events: [from(asker.origin, refused)], ...asker.cause });
  }
  return {};
}

async function createAdministrator(flows: Flows, args: IdentityArgs<'admin-create'>, asker: Asker): Promise<IdentityResult<'admin-create'>> {
  const userId = flows.newId();
  await createAccount(flows, args, { userId, by: 'operator', organization: undefined, platformRoles: [{ role: 'owner' }], member: undefined }, asker, onlyAdministrator);
  return { userId };
}

/** Whoever was made just now is the only one. Throws ADMIN_EXISTS, which rolls it back. */
export async function onlyAdministrator(client: PoolClient): Promise<void> {
  if ((await countAdministrators(client)) > 1) throw new IdentityFault('ADMIN_EXISTS', 'there is an administrator, who makes others');
}

export interface Creation {
  readonly userId: string;
  readonly by: RegisteredBy;
  /** That keeps the account; undefined: the platform, and no organisation's administrator reaches it. */
  readonly organization: string | undefined;
  readonly platformRoles: readonly HeldRole[];
  /** What he is a member of from the beginning. */
  readonly member: { readonly organization: string; readonly roles: readonly string[]; readonly invitationId?: string } | undefined;
}

/**
 * An account with its first membership, in one transaction with what comes `along`.
 * Throws CredentialFault PASSWORD_*, IdentityFault EMAIL_TAKEN and what `along` throws.
 */
export async function createAccount(flows: Flows, { email, name, password }: IdentityArgs<'register'>, creation: Creation, asker: Asker, along?: (client: PoolClient) => Promise<void>): Promise<void> {
  const { keys, passwords, columns, store, tenant } = flows;
  const { userId, by, organization, platformRoles: roles } = creation;
  const isClean = await passwords.admit(password, [email, name, ...name.split(' ')]);
  const emailIndexes = await keys.emailIndexes(email);
  // Hashed in any case: how long it takes tells nobody whether the address is taken.
  const hash = await passwords.hash(password);
  const column = (which: string, text: string) => ({ subject: userId, table: 'users', column: which, row: userId, text });
  const [sealedEmail, sealedName] = await columns.seal([column('email', email), column('name', name)]);
  if (sealedEmail === undefined || sealedName === undefined) throw new IdentityFault('IDENTITY_INTERNAL', 'a new subject cannot be erased');
  const origin = asker.origin === undefined ? undefined : { ...asker.origin, subject: userId };
  const cause = { ...asker.cause, actor: by === 'operator' ? asker.cause.actor : ({ type: 'user', id: userId } as const) };
  const join = await joined(flows, creation, { ...asker, origin, cause });
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'register', userId, by, email, name, roles, origin },
    ...cause,
    project: async (client) => {
      await insertUser(client, { userId, organization, emailIndex: emailIndexes[0], emailIndexes, sealedEmail, sealedName, password: { hash, isClean }, roles }, asker.now);
      await join(client);
      await along?.(client);
    },
  });
}

/** The first membership, to be stored with the account. */
async function joined(flows: Flows, { userId, member }: Creation, { cause, origin, now }: Pick<Asker, 'cause' | 'origin' | 'now'>): Promise<(client: PoolClient) => Promise<void>> {
  if (member === undefined) return async () => undefined;
  const { organization, roles, invitationId } = member;
  const given = await givenRoles(flows, organization, roles);
  const store = await flows.store.stage(memberAggregate, {
    tenant: organization,
    id: userId,
    command: { type: 'join', userId, roles, origin, ...(invitationId === undefined ? {} : { invitationId }) },
    ...cause,
    project: (client, events) => applyMemberEvents(client, organization, userId, events, now),
  });
  return async (client) => {
    await holdGiven(client, organization, given);
    await store(client);
  };
}

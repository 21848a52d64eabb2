import type { HeldRole, IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { from } from '../domain/origin.js';
import { userAggregate, type RegisteredBy } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { countAdministrators, insertUser } from '../store/user-rows.js';

type Client = Parameters<typeof insertUser>[0];

export function registerHandlers(flows: Flows): Pick<Handlers, 'register' | 'admin-create'> {
  return {
    register: (args, asker) => register(flows, args, asker),
    'admin-create': (args, asker) => createAdministrator(flows, args, asker),
  };
}

async function register(flows: Flows, args: IdentityArgs<'register'>, asker: Asker): Promise<IdentityResult<'register'>> {
  if (!flows.isRegistrationOpen) throw new IdentityFault('REGISTRATION_CLOSED', 'accounts are made by administrators');
  const roles = [{ role: 'member', organization: flows.homeOrganization }];
  try {
    await createAccount(flows, args, { by: 'open', organization: flows.homeOrganization, roles }, asker);
  } catch (error) {
    if (!(error instanceof IdentityFault) || error.code !== 'EMAIL_TAKEN') throw error;
    // Told to the record, not to whoever asks.
    const refused = { type: 'identity.registration.refused', outcome: 'denied' as const, severity: 'notice' as const, data: { why: 'EMAIL_TAKEN' } };
    await flows.store.append({ tenant: flows.tenant, stream: `registration/${flows.newId()}`, expectedVersion: 0, events: [from(asker.origin, refused)], ...asker.cause });
  }
  return {};
}

async function createAdministrator(flows: Flows, args: IdentityArgs<'admin-create'>, asker: Asker): Promise<IdentityResult<'admin-create'>> {
  const userId = await createAccount(flows, args, { by: 'operator', organization: undefined, roles: [{ role: 'owner' }] }, asker, onlyAdministrator);
  return { userId };
}

/** Whoever was made just now is the only one. Throws ADMIN_EXISTS, which rolls it back. */
export async function onlyAdministrator(client: Client): Promise<void> {
  if ((await countAdministrators(client)) > 1) throw new IdentityFault('ADMIN_EXISTS', 'there is an administrator, who makes others');
}

interface Creation {
  readonly by: RegisteredBy;
  /** That keeps the account; undefined: the platform, and no organisation's administrator reaches it. */
  readonly organization: string | undefined;
  readonly roles: readonly HeldRole[];
}

export async function createAccount(flows: Flows, { email, name, password }: IdentityArgs<'register'>, { by, organization, roles }: Creation, asker: Asker, along?: (client: Client) => Promise<void>): Promise<string> {
  const { keys, passwords, columns, store, tenant, newId } = flows;
  const isClean = await passwords.admit(password, [email, name, ...name.split(' ')]);
  const userId = newId();
  const emailIndexes = await keys.emailIndexes(email);
  // Hashed in any case: how long it takes tells nobody whether the address is taken.
  const hash = await passwords.hash(password);
  const column = (which: string, text: string) => ({ subject: userId, table: 'users', column: which, row: userId, text });
  const [sealedEmail, sealedName] = await columns.seal([column('email', email), column('name', name)]);
  if (sealedEmail === undefined || sealedName === undefined) throw new IdentityFault('IDENTITY_INTERNAL', 'a new subject cannot be erased');
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'register', userId, by, email, name, roles, origin: asker.origin === undefined ? undefined : { ...asker.origin, subject: userId } },
    ...asker.cause,
    actor: by === 'open' || by === 'setup' ? { type: 'user', id: userId } : asker.cause.actor,
    project: async (client) => {
      await insertUser(client, { userId, organization, emailIndex: emailIndexes[0], emailIndexes, sealedEmail, sealedName, password: { hash, isClean }, roles }, asker.now);
      await along?.(client);
    },
  });
  return userId;
}

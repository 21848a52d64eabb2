import type { IdentityArgs, IdentityResult, UserView } from '@countersign/contracts';
import { allows, type PermissionId } from '@countersign/access';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers, SignedIn } from '../request/asker.js';
import { authorise, heldRole, signedIn, targetOf } from '../request/authorise.js';
import { isWithheld } from '../request/restricted.js';
import { authority, unknownUser } from '../session/sessions.js';
import { revokeApiKeysOf } from '../store/api-key-rows.js';
import { endSessions, holdAuthority } from '../store/session-rows.js';
import { applyUserEvents, countAdministrators, type UserRow } from '../store/user-rows.js';

export function userHandlers(flows: Flows): Pick<Handlers, 'user-list' | 'user-show' | 'user-disable' | 'user-enable' | 'user-unlock'> {
  return {
    'user-list': (args, asker) => list(flows, args, asker),
    'user-show': (args, asker) => show(flows, args, asker),
    'user-disable': (args, asker) => setState(flows, args, asker),
    'user-enable': (args, asker) => setState(flows, args, asker),
    'user-unlock': (args, asker) => unlock(flows, args, asker),
  };
}

/** All users, or those of the organisation in which one acts. */
async function list({ users, columns, keys }: Flows, { after = '', limit, email }: IdentityArgs<'user-list'>, asker: Asker): Promise<IdentityResult<'user-list'>> {
  const { principal } = signedIn(asker);
  const isGlobal = allows(principal.permissions, 'user.read', 'global');
  const organization = isGlobal ? undefined : principal.organization;
  authorise(asker, 'user.read', { organization });
  if (email !== undefined) {
    const found = await users.findByEmail(await keys.emailIndexes(email));
    // Nor is he looked for by what is not to be used.
    const isSeen = found !== undefined && !isWithheld(found, asker) && (isGlobal || found.organization === organization || found.roles.some((role) => role.organization === organization));
    return { users: isSeen ? await viewsOf(columns, [found], asker) : [] };
  }
  const rows = await users.page(after, limit + 1, organization);
  const shown = rows.slice(0, limit);
  return { users: await viewsOf(columns, shown, asker), ...(rows.length > limit ? { next: shown.at(-1)!.user_id } : {}) };
}

async function show({ users, columns }: Flows, { userId }: IdentityArgs<'user-show'>, asker: Asker): Promise<UserView> {
  const user = await users.find(userId ?? signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  authorise(asker, 'user.read', targetOf(user));
  return (await viewsOf(columns, [user], asker))[0]!;
}

async function setState(flows: Flows, args: IdentityArgs<'user-disable'> | IdentityArgs<'user-enable'>, asker: Asker): Promise<Record<string, never>> {
  const { users, store, tenant, revocations } = flows;
  const user = await users.find(args.userId);
  if (user === undefined) throw unknownUser();
  const { user_id: userId } = user;
  const isDisabling = 'reason' in args;
  const { session } = isDisabling ? authoriseDisabling(asker, user) : authorise(asker, 'user.disable', targetOf(user));
  const { origin } = asker;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: isDisabling ? { type: 'disable', userId, reason: args.reason, origin } : { type: 'enable', userId, origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(session));
      await applyUserEvents(client, userId, events);
      if (!isDisabling) return;
      await endSessions(client, userId, undefined, asker.now);
      await revokeApiKeysOf(client, userId, asker.now);
      await leaveAnAdministrator(client);
    },
  });
  await revocations.enforce(userId);
  return {};
}

/** Nobody is rid of a mightier one, but for those whose task it is to answer attacks. Throws what {@link authorise} does. */
function authoriseDisabling(asker: Asker, user: UserRow): SignedIn {
  try {
    return authorise(asker, 'user.disable', targetOf(user));
  } catch (error) {
    if (!(error instanceof IdentityFault) || error.code !== 'TARGET_OUTRANKS' || !isHeld(asker, 'user.shut-out')) throw error;
    return authorise(asker, 'user.shut-out', targetOf(user));
  }
}

const isHeld = (asker: Asker, permission: PermissionId): boolean => allows(signedIn(asker).principal.permissions, permission, 'own');

async function unlock({ users, store, tenant, guard }: Flows, { userId }: IdentityArgs<'user-unlock'>, asker: Asker): Promise<Record<string, never>> {
  const user = await users.find(userId);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'user.unlock', targetOf(user));
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'unlock', userId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: (client) => holdAuthority(client, authority(session)),
  });
  // After it is on record: a lock that is lifted unseen would be worse than one that is lifted late.
  await guard.forget([{ what: 'password', account: user.email_index }, { what: 'factor', account: userId }]);
  return {};
}

/** Throws LAST_ADMINISTRATOR, which rolls the change back. */
export async function leaveAnAdministrator(client: Parameters<typeof countAdministrators>[0]): Promise<void> {
  if ((await countAdministrators(client)) === 0) throw new IdentityFault('LAST_ADMINISTRATOR', 'nobody could administer any more');
}

async function viewsOf(columns: Flows['columns'], rows: readonly UserRow[], asker: Asker): Promise<UserView[]> {
  const column = (row: UserRow, which: string, sealed: string | null) => ({ subject: row.user_id, table: 'users', column: which, row: row.user_id, sealed: isWithheld(row, asker) ? null : sealed });
  const texts = await columns.open(rows.flatMap((row) => [column(row, 'email', row.email), column(row, 'name', row.name)]));
  return rows.map((row, at) => ({
    userId: row.user_id,
    email: texts[2 * at],
    name: texts[2 * at + 1],
    locale: isWithheld(row, asker) ? undefined : (row.locale ?? undefined),
    ...(row.is_restricted ? { isRestricted: true as const } : {}),
    organization: row.organization ?? undefined,
    state: row.state,
    isMfaEnrolled: row.is_mfa_enrolled,
    roles: row.roles.map(heldRole),
    createdAt: row.created_at.toISOString(),
  }));
}

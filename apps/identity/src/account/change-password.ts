import type { IdentityArgs } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { endSessions, holdAuthority } from '../store/session-rows.js';
import { PASSWORDS_REMEMBERED, setPassword, type UserRow } from '../store/user-rows.js';

export function changePasswordHandlers(flows: Flows): Pick<Handlers, 'change-password'> {
  return { 'change-password': (args, asker) => changePassword(flows, args, asker) };
}

async function changePassword(flows: Flows, { current, next }: IdentityArgs<'change-password'>, asker: Asker): Promise<Record<string, never>> {
  const { users, guard, passwords, store, tenant, revocations, notices } = flows;
  const userId = signedIn(asker).session.user_id;
  const [user, credentials] = await Promise.all([users.find(userId), users.credentials(userId)]);
  if (user === undefined || credentials === undefined) throw unknownUser();
  const { session } = authorise(asker, 'password.change', targetOf(user));
  await guard.run({ what: 'factor', account: userId, userId }, asker, async () => {
    if (!(await passwords.verify(current, credentials.password)).isRight) throw new IdentityFault('PASSWORD_WRONG', 'the present password is another one', { field: 'current' });
  });
  const isClean = await passwords.admit(next, await calledBy(flows, user));
  if (await passwords.matchesAny(next, await users.passwords(userId))) throw new IdentityFault('PASSWORD_REUSED', `the last ${PASSWORDS_REMEMBERED} passwords are not taken again`, { field: 'next' });
  const hash = await passwords.hash(next);
  const post = await notices.passwordChanged(userId, asker);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'change-password', userId, keptSessionId: session.session_id, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await setPassword(client, userId, { hash, isClean }, asker.now);
      await endSessions(client, userId, session.session_id, asker.now);
      await post(client);
    },
  });
  await revocations.enforce(userId);
  return {};
}

/** What anybody would try first. */
export async function calledBy({ columns }: Flows, { user_id, email, name }: UserRow): Promise<string[]> {
  const column = (which: string, sealed: string | null) => ({ subject: user_id, table: 'users', column: which, row: user_id, sealed });
  const opened = await columns.open([column('email', email), column('name', name)]);
  return opened.filter((text) => text !== undefined);
}

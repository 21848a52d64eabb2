import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import { requirePassword, type CredentialsRow, type PasswordDue } from '../store/user-rows.js';

const DAY_MS = 86_400_000;
/** Lists of stolen passwords grow: one that was clean is looked up again after so long. */
const LEAK_CHECK_MS = 30 * DAY_MS;

/**
 * Looks whether a password, which is known in clear at this moment only, may go on. One of which nobody could say when it was
 * chosen whether it was stolen is looked up here. Otherwise it has to be changed, from now on
 * and in every session. Returns the user's access as it is then. Throws CONFLICT when somebody else changed it meanwhile.
 */
export async function requireChange(flows: Flows, user: CredentialsRow, password: string, asker: Asker): Promise<string> {
  const why = user.password_due === null ? await reasonOf(flows, user, password, asker.now) : undefined;
  return why === undefined ? user.access : recordDue(flows, user, why, asker);
}

/** From now on, in every session, at every edge. Returns the user's access as it is then. Throws CONFLICT. */
export async function recordDue({ store, tenant, revocations }: Flows, user: Pick<CredentialsRow, 'user_id' | 'access'>, why: PasswordDue, asker: Asker): Promise<string> {
  const { user_id: userId } = user;
  const { ip, userAgent } = asker.context;
  let { access } = user;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'require-password', userId, why, origin: { subject: userId, ip, userAgent } },
    ...asker.cause,
    actor: { type: 'user', id: userId },
    retriesMax: 3,
    project: async (client) => {
      access = await requirePassword(client, user, why);
    },
  });
  await revocations.enforce(userId);
  return access;
}

async function reasonOf({ passwords, users, policies }: Flows, user: CredentialsRow, password: string, now: Date): Promise<PasswordDue | undefined> {
  const { user_id, leak_checked_at, password_at } = user;
  if (leak_checked_at === null || leak_checked_at.getTime() + LEAK_CHECK_MS <= now.getTime()) {
    const verdict = await passwords.lookUp(password, now);
    if (verdict === 'leaked') return 'leaked';
    if (verdict === 'clean') await users.leakChecked(user_id, user.password, now);
  }
  const { passwordDays } = await policies.ofUser(user_id);
  return passwordDays !== undefined && password_at.getTime() + passwordDays * DAY_MS <= now.getTime() ? 'age' : undefined;
}

import type { IdentityArgs } from '@countersign/contracts';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { requireUsable } from '../request/restricted.js';
import { authority, unknownUser } from '../session/sessions.js';
import { holdAuthority } from '../store/session-rows.js';
import { changeProfile } from '../store/user-rows.js';

export function profileHandlers(flows: Flows): Pick<Handlers, 'profile-change'> {
  return { 'profile-change': (args, asker) => change(flows, args, asker) };
}

async function change({ users, columns, store, tenant }: Flows, { userId: whose, name, locale }: IdentityArgs<'profile-change'>, asker: Asker): Promise<Record<string, never>> {
  const user = await users.find(whose ?? signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'user.update', targetOf(user));
  requireUsable(user, asker);
  const userId = user.user_id;
  const [sealedName] = name === undefined ? [] : await columns.seal([{ subject: userId, table: 'users', column: 'name', row: userId, text: name }]);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'change-profile', userId, ...(name === undefined ? {} : { name }), ...(locale === undefined ? {} : { locale }), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await changeProfile(client, userId, { sealedName, locale });
    },
  });
  return {};
}

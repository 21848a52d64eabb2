import { newSessionToken, sessionDigest } from '@countersign/credentials';
import type { IdentityArgs } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import { utcMinutes } from '../mail/notices.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { addLink, LINK_MS, takeLink, voidLinks } from '../store/link-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { changeEmail } from '../store/user-rows.js';

export function changeEmailHandlers(flows: Flows): Pick<Handlers, 'email-change-ask' | 'email-change'> {
  return {
    'email-change-ask': (args, asker) => ask(flows, args, asker),
    'email-change': (args, asker) => change(flows, args, asker),
  };
}

/** Under the user's key; a later link takes the row of the one before. */
const linkEmail = (userId: string) => ({ subject: userId, table: 'one_time_links', column: 'email', row: userId });

async function ask(flows: Flows, { email }: IdentityArgs<'email-change-ask'>, asker: Asker): Promise<Record<string, never>> {
  const { users, keys, guard, columns, store, tenant, links, mail } = flows;
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'user.change-email', targetOf(user));
  const userId = user.user_id;
  const [index] = await keys.emailIndexes(email);
  // Otherwise anybody with an account could have us write to strangers as often as he likes.
  await guard.count('address', [{ account: index, userId: undefined }, { account: userId, userId: undefined }], asker);
  const { token, digest } = newSessionToken();
  const [sealed] = await columns.seal([{ ...linkEmail(userId), text: email }]);
  if (sealed === undefined) throw unknownUser();
  const usefulMs = LINK_MS['email-change'];
  const values = { link: links.url('email-change', token), until: utcMinutes(new Date(asker.now.getTime() + usefulMs)) };
  const post = await mail.compose({ template: 'email-change', to: { subject: userId, address: email }, values, usefulMs });
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'ask-email-change', userId, email, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await addLink(client, { tokenHash: digest, purpose: 'email-change', userId, email: { sealed, index } }, asker.now);
      await post(client);
    },
  });
  return {};
}

async function change(flows: Flows, { token }: IdentityArgs<'email-change'>, asker: Asker): Promise<Record<string, never>> {
  const { users, keys, columns, store, tenant, links, notices } = flows;
  const digest = sessionDigest(token);
  const link = await links.find(digest, 'email-change', asker.now);
  const userId = link.user_id!;
  const user = await users.find(userId);
  const [email] = await columns.open([{ ...linkEmail(userId), sealed: link.email }]);
  if (user?.state !== 'active' || email === undefined) throw new IdentityFault('LINK_INVALID', 'the link leads nowhere any more', { field: 'token' });
  const indexes = await keys.emailIndexes(email);
  const [sealed] = await columns.seal([{ subject: userId, table: 'users', column: 'email', row: userId, text: email }]);
  if (sealed === undefined) throw unknownUser();
  // To the address that was: whoever reads it learns of a change that he did not make.
  const post = await notices.emailChanged(userId, asker.now);
  const { ip, userAgent } = asker.context;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'change-email', userId, email, origin: { subject: userId, ip, userAgent } },
    ...asker.cause,
    actor: { type: 'user', id: userId },
    retriesMax: 3,
    project: async (client) => {
      await takeLink(client, digest);
      await voidLinks(client, userId, ['password-reset']);
      await changeEmail(client, userId, { sealed, index: indexes[0], indexes });
      await post(client);
    },
  });
  return {};
}

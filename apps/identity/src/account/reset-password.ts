import { setTimeout as sleep } from 'node:timers/promises';
import { newSessionToken, sessionDigest } from '@countersign/credentials';
import type { IdentityArgs } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { from } from '../domain/origin.js';
import { userAggregate } from '../domain/user.js';
import { utcMinutes } from '../mail/notices.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { addLink, LINK_MS, takeLink, voidLinks } from '../store/link-rows.js';
import { endSessions } from '../store/session-rows.js';
import { PASSWORDS_REMEMBERED, setKeysRest, setPassword, type UserRow } from '../store/user-rows.js';
import { calledBy } from './change-password.js';

/** Longer than it takes to write a mail into the outbox: how long the answer takes tells nobody whether there is an account. */
export const RESET_ANSWER_MS = 300;
/** A link that was asked for often is mailed anew when it is good for less than this. */
const LINK_LEFT_MS = 10 * 60_000;

export function resetPasswordHandlers(flows: Flows): Pick<Handlers, 'password-reset-ask' | 'password-reset'> {
  return {
    'password-reset-ask': async (args, asker) => {
      const [asked] = await Promise.allSettled([ask(flows, args, asker), sleep(RESET_ANSWER_MS)]);
      if (asked.status === 'rejected') throw asked.reason;
      return {};
    },
    'password-reset': (args, asker) => reset(flows, args, asker),
  };
}

async function ask(flows: Flows, { email }: IdentityArgs<'password-reset-ask'>, asker: Asker): Promise<void> {
  const { keys, users, guard, store, tenant, newId } = flows;
  const indexes = await keys.emailIndexes(email);
  const user = await users.findByEmail(indexes);
  const guarded = { what: 'reset', account: indexes[0], userId: user?.user_id } as const;
  await guard.countAsker(guarded, asker);
  const isOften = await guard.isOften(guarded, asker);
  if (user?.state === 'active') return sendLink(flows, user, email, isOften, asker);
  // Counted, not recorded one by one: strangers must not fill the ledger.
  if (isOften) return;
  const refused = { type: 'identity.password-reset.refused', outcome: 'denied' as const, severity: 'notice' as const, data: { why: user === undefined ? 'no account' : 'disabled' } };
  await store.append({ tenant, stream: `password-reset/${newId()}`, expectedVersion: 0, events: [from(asker.origin, refused)], ...asker.cause });
}

/**
 * However many strangers ask, the mailbox has a link that is good, and gets no more than one mail in so many minutes: while the last one is good for long
 * enough, and was asked for too often, no other is sent. Nobody is locked out by others who ask for his address.
 */
async function sendLink({ mail, links, store, tenant }: Flows, { user_id: userId }: UserRow, address: string, isOften: boolean, asker: Asker): Promise<void> {
  if (isOften && (await links.isPending('password-reset', userId, new Date(asker.now.getTime() + LINK_LEFT_MS)))) return;
  const { token, digest } = newSessionToken();
  const usefulMs = LINK_MS['password-reset'];
  const until = utcMinutes(new Date(asker.now.getTime() + usefulMs));
  const post = await mail.compose({ template: 'password-reset', to: { subject: userId, address }, values: { link: links.url('password-reset', token), until }, usefulMs });
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'ask-password-reset', userId, origin: asker.origin },
    ...asker.cause,
    retriesMax: 3,
    project: async (client) => {
      await addLink(client, { tokenHash: digest, purpose: 'password-reset', userId }, asker.now);
      await post(client);
    },
  });
}

async function reset(flows: Flows, { token, password }: IdentityArgs<'password-reset'>, asker: Asker): Promise<Record<string, never>> {
  const { users, passwords, guard, store, tenant, revocations, links, notices } = flows;
  const digest = sessionDigest(token);
  const { user_id } = await links.find(digest, 'password-reset', asker.now);
  const user = user_id === null ? undefined : await users.find(user_id);
  if (user?.state !== 'active') throw new IdentityFault('LINK_INVALID', 'the link leads nowhere any more', { field: 'token' });
  const userId = user.user_id;
  const isClean = await passwords.admit(password, await calledBy(flows, user));
  if (await passwords.matchesAny(password, await users.passwords(userId))) throw new IdentityFault('PASSWORD_REUSED', `the last ${PASSWORDS_REMEMBERED} passwords are not taken again`, { field: 'password' });
  const hash = await passwords.hash(password);
  const post = await notices.passwordReset(userId, asker.now);
  const { ip, userAgent } = asker.context;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'reset-password', userId, origin: { subject: userId, ip, userAgent } },
    ...asker.cause,
    actor: { type: 'user', id: userId },
    retriesMax: 3,
    project: async (client) => {
      await takeLink(client, digest);
      // Asked for by whoever had the account before.
      await voidLinks(client, userId, ['email-change']);
      await setPassword(client, userId, { hash, isClean }, asker.now);
      await endSessions(client, userId, undefined, asker.now);
      // A mailbox is no proof that lets programs go on: they rest until he has signed in.
      await setKeysRest(client, userId, true);
      await post(client);
    },
  });
  await revocations.enforce(userId);
  // What strangers tried does not keep out whoever has the mailbox.
  await guard.forget([{ what: 'password', account: user.email_index }, { what: 'reset', account: user.email_index }]);
  return {};
}

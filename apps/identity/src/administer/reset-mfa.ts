import type { IdentityArgs } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { applyFactorEvents } from '../store/factor-rows.js';
import { endSessions, holdAuthority } from '../store/session-rows.js';
import { setKeysRest } from '../store/user-rows.js';

export function mfaResetHandlers(flows: Flows): Pick<Handlers, 'mfa-reset'> {
  return { 'mfa-reset': (args, asker) => reset(flows, args, asker) };
}

/** Whoever does this could become the other, who must not be mightier; a role that needs a factor does nothing until there is a new one. */
async function reset({ users, store, tenant, revocations, guard, notices }: Flows, { userId, reason }: IdentityArgs<'mfa-reset'>, asker: Asker): Promise<Record<string, never>> {
  // One's own last factor does not go this way either.
  if (signedIn(asker).session.user_id === userId) throw new IdentityFault('FORBIDDEN', 'somebody else has to do this');
  const user = await users.find(userId);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.reset', targetOf(user));
  const post = await notices.factorsReset(userId, asker.now);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'reset-factors', userId, reason, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(session));
      await endSessions(client, userId, undefined, asker.now);
      await applyFactorEvents(client, userId, events);
      // What he had lost may have held them.
      await setKeysRest(client, userId, true);
      await post(client);
    },
  });
  await revocations.enforce(userId);
  await guard.forget([{ what: 'factor', account: userId }]);
  return {};
}

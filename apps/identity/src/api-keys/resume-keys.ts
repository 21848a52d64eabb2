import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import { signedInBy } from '../request/authorise.js';
import type { CheckedSession } from '../store/session-rows.js';
import { setKeysRest } from '../store/user-rows.js';

/**
 * Keys of a person that rest are good again when he is in a session that proves all that his account asks for: with a second factor where he has one, or
 * needs one, and with a password that need not be changed.
 */
export async function resumeKeys({ store, tenant }: Flows, session: CheckedSession, { cause, context }: Asker): Promise<void> {
  if (!session.api_keys_rest || !isProved(session)) return;
  const { user_id: userId } = session;
  const { ip, userAgent } = context;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'resume-keys', userId, origin: { subject: userId, ip, userAgent } },
    ...cause,
    actor: { type: 'user', id: userId },
    retriesMax: 3,
    project: (client) => setKeysRest(client, userId, false),
  });
}

function isProved(session: CheckedSession): boolean {
  const { mfa, assurance } = signedInBy(session).principal;
  return session.password_due === null && (assurance?.level === 'mfa' || !(mfa.needed || mfa.enrolled));
}

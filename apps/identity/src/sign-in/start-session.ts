import { newSessionToken, sessionDigest } from '@countersign/credentials';
import type { StartedSession } from '@countersign/contracts';
import type { PoolClient } from '@countersign/postgres';
import { resumeKeys } from '../api-keys/resume-keys.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { expiryOf, sessionAggregate, type Assurance } from '../domain/session.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import { signedInBy } from '../request/authorise.js';
import { insertSession } from '../store/session-rows.js';
import { rememberDevice } from '../store/sign-in-rows.js';

export interface Start {
  readonly userId: string;
  readonly organization: string | undefined;
  readonly assurance: Assurance;
  /** As it was when he proved who he is. */
  readonly access: string;
  /** What must come true in the same transaction, or not at all. */
  readonly along?: (client: PoolClient) => Promise<void>;
}

/** A new session under a new token, whatever cookie came with the request: nobody fixes somebody else's session. Throws CONFLICT. */
export async function startSession(flows: Flows, start: Start, asker: Asker): Promise<StartedSession> {
  const { store, tenant, columns, sessions, signIns, newId, policies, notices } = flows;
  const { userId, organization, assurance, access } = start;
  const { now, context } = asker;
  const { ip, userAgent } = context;
  if (!(await flows.erasures.isKept(userId))) throw new IdentityFault('SIGN_IN_REFUSED', 'sign-in refused');
  const sessionId = newId();
  const { token, digest } = newSessionToken();
  const [origin] = await columns.seal([{ subject: userId, table: 'sessions', column: 'origin', row: sessionId, text: JSON.stringify({ ip, userAgent }) }]);
  const known = context.device === undefined ? undefined : sessionDigest(context.device);
  const isKnown = known !== undefined && (await signIns.isKnown(known, userId, now));
  const device = isKnown ? undefined : newSessionToken();
  // Of the very first device there is nothing to tell.
  const notice = isKnown || !(await signIns.hasDevices(userId)) ? undefined : await notices.newSignIn(userId, ip, now);
  const caps = await policies.effective(organization);
  const expiresAt = new Date(expiryOf(now.getTime(), now.getTime(), caps));
  await store.execute(sessionAggregate, {
    tenant,
    id: sessionId,
    command: { type: 'start', sessionId, userId, assurance, caps, nowMs: now.getTime(), origin: { subject: userId, ip, userAgent } },
    ...asker.cause,
    actor: { type: 'user', id: userId },
    project: async (client) => {
      await start.along?.(client);
      await insertSession(client, { sessionId, tokenHash: digest, userId, organization, assurance, origin, expiresAt, access }, now);
      await rememberDevice(client, device?.digest ?? known!, userId, now);
      await notice?.(client);
    },
  });
  const session = await sessions.check(digest, now);
  if (session === undefined) throw new IdentityFault('CONFLICT', 'the session has ended already; sign in again');
  await resumeKeys(flows, session, asker);
  return { token, device: device?.token, principal: signedInBy(session).view };
}

import { timingSafeEqual } from 'node:crypto';
import type { IdentityArgs, IdentityResult, StandIn } from '@countersign/contracts';
import { endOf, holderOf, keyDigestOf } from '../api-keys/holder.js';
import { MESSAGES } from '../api-keys/shown-keys.js';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers, SignedIn } from '../request/asker.js';
import { signedInBy } from '../request/authorise.js';

/** For services that the edge hands requests on to: they decide by what is so now, and never hold a token or a key. */
export function principalHandlers(flows: Flows): Pick<Handlers, 'principal'> {
  return { principal: (args, asker) => principalOf(flows, args, asker) };
}

async function principalOf(flows: Flows, { standIn, organization }: IdentityArgs<'principal'>, { now }: Asker): Promise<IdentityResult<'principal'>> {
  const { view } = await behind(flows, standIn, now);
  await flows.erasures.requireKept(view.userId);
  if (organization === undefined) return { principal: view };
  return { principal: view, organization: (await flows.organizations.find(organization))?.state ?? 'unknown' };
}

async function behind({ sessions, apiKeys }: Flows, standIn: StandIn, now: Date): Promise<SignedIn> {
  if ('sessionDigest' in standIn) {
    const session = await sessions.check(standIn.sessionDigest, now);
    if (session === undefined) throw new IdentityFault('UNAUTHENTICATED', 'there is no such session, or it has ended');
    return signedInBy(session);
  }
  const row = await apiKeys.check(standIn.keyId, now);
  const refusal = row !== undefined && isSame(keyDigestOf(row), standIn.keyDigest) ? endOf(row, now) : 'API_KEY_REFUSED';
  if (row === undefined || refusal !== undefined) throw new IdentityFault(refusal ?? 'API_KEY_REFUSED', MESSAGES[refusal ?? 'API_KEY_REFUSED']);
  return holderOf(row);
}

/** Both of 43 characters: one is made here, and the schema has seen to the other. */
const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a), Buffer.from(b));

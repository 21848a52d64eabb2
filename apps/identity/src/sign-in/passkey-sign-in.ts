import { hash } from 'node:crypto';
import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { PasskeyRefusal } from '../domain/passkey-refusal.js';
import type { Flows } from '../parts.js';
import { checkPasskey } from '../passkeys/check-passkey.js';
import { answerRequest } from '../passkeys/requests.js';
import type { Asker, Handlers } from '../request/asker.js';
import { personIn } from '../request/authorise.js';
import { startSession } from './start-session.js';

export function passkeySignInHandlers(flows: Flows): Pick<Handlers, 'passkey-ask' | 'passkey-ask-own' | 'passkey-sign-in'> {
  const { passkeys, relyingParty } = flows;
  return {
    'passkey-ask': (_args, asker) => answerRequest(passkeys, relyingParty, 'sign-in', undefined, [], asker.now),
    'passkey-ask-own': async (_args, asker) => {
      const userId = personIn(asker).session.user_id;
      const known = await passkeys.ofUser(userId);
      if (known.length === 0) throw new IdentityFault('MFA_NOT_ENROLLED', 'there is no passkey');
      return answerRequest(passkeys, relyingParty, 'step-up', userId, known, asker.now);
    },
    'passkey-sign-in': (args, asker) => signInByPasskey(flows, args, asker),
  };
}

async function signInByPasskey(flows: Flows, { passkey: answer }: IdentityArgs<'passkey-sign-in'>, asker: Asker): Promise<IdentityResult<'passkey-sign-in'>> {
  const { users, passkeys, guard } = flows;
  const userId = (await passkeys.byCredential(answer.id))?.user_id;
  // Of a credential that nobody has, too: who tries is counted, and learns nothing by not being counted.
  return guard.run({ what: 'factor', account: userId ?? hash('sha256', answer.id, 'base64url'), userId }, asker, async () => {
    const { passkey, useUp } = await checkPasskey(flows, answer, { purpose: 'sign-in', userId: undefined }, asker);
    const user = await users.credentials(passkey.user_id);
    if (user === undefined || user.state !== 'active') throw new PasskeyRefusal('unknown');
    return startSession(flows, { userId: user.user_id, organization: user.organization ?? undefined, assurance: 'mfa', access: user.access, along: useUp }, asker);
  });
}

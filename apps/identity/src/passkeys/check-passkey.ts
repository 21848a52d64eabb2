import type { PasskeyAnswer } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { PasskeyRefusal } from '../domain/passkey-refusal.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import type { UseUp } from '../sign-in/second-factor.js';
import { countPasskey, type PasskeyPurpose, type PasskeyRow } from '../store/passkey-rows.js';
import { challengeHash, clientDataOf, verifyAnswer } from './ceremony.js';
import { handleOf } from './requests.js';

export interface Expected {
  readonly purpose: Exclude<PasskeyPurpose, 'enrol'>;
  /** Undefined: the answer says who it is. */
  readonly userId: string | undefined;
}

/**
 * An answer of a passkey. Its challenge is used up in any case; the counter moves in the transaction of what it lets in.
 * Throws CHALLENGE_INVALID, PASSKEY_REFUSED; a counter that went back is on record then.
 */
export async function checkPasskey(flows: Flows, answer: PasskeyAnswer, { purpose, userId }: Expected, asker: Asker): Promise<{ readonly passkey: PasskeyRow; readonly useUp: UseUp }> {
  const { passkeys, relyingParty } = flows;
  const clientData = clientDataOf(answer);
  if (!(await passkeys.takeChallenge(challengeHash(clientData.challenge), purpose, userId, asker.now))) throw new IdentityFault('CHALLENGE_INVALID', 'ask for a new challenge', { field: 'passkey' });
  const passkey = await passkeys.byCredential(answer.id);
  const { userHandle } = answer.response;
  const isOurs = passkey !== undefined && (userId === undefined || passkey.user_id === userId) && (userHandle === undefined || userHandle === handleOf(passkey.user_id));
  if (!isOurs) throw new PasskeyRefusal('unknown');
  const { counter, isSynced } = await verifyAnswer(answer, clientData, passkey.public_key, relyingParty, purpose !== 'second-factor');
  const known = Number(passkey.counter);
  // WebAuthn L3 §7.2 step 22: not further on than before, though it counts: it may have been copied.
  if ((counter > 0 || known > 0) && counter <= known) {
    await suspect(flows, passkey, counter, asker);
    throw new PasskeyRefusal('counter');
  }
  const useUp: UseUp = async (client) => {
    if (!(await countPasskey(client, passkey.passkey_id, counter, isSynced, asker.now))) throw new PasskeyRefusal('counter');
  };
  return { passkey, useUp };
}

async function suspect({ store, tenant }: Flows, { passkey_id, user_id, counter }: PasskeyRow, given: number, { cause, context }: Asker): Promise<void> {
  const { ip, userAgent } = context;
  await store.execute(userAggregate, {
    tenant,
    id: user_id,
    command: { type: 'suspect-passkey', userId: user_id, passkeyId: passkey_id, counter: Number(counter), given, origin: { subject: user_id, ip, userAgent } },
    ...cause,
    actor: { type: 'user', id: user_id },
    retriesMax: 3,
  });
}

import { sessionDigest } from '@countersign/credentials';
import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { phonePlace } from '../account/phone.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { newSmsCode, smsProviderFor } from '../sms/sms-codes.js';

export function smsSignInHandlers(flows: Flows): Pick<Handlers, 'sms-send'> {
  return { 'sms-send': (args, asker) => send(flows, args, asker) };
}

/** Is a code by SMS asked for after the password? Only of those who have nothing better, and while the operator sends any. */
export async function asksForSms(flows: Flows, { user_id, is_mfa_enrolled }: { readonly user_id: string; readonly is_mfa_enrolled: boolean }): Promise<boolean> {
  if (is_mfa_enrolled || flows.sms === undefined || (await flows.phones.find(user_id))?.state !== 'enrolled') return false;
  return (await flows.policies.ofUser(user_id)).isSmsAllowed;
}

async function send(flows: Flows, { challenge }: IdentityArgs<'sms-send'>, asker: Asker): Promise<IdentityResult<'sms-send'>> {
  const { signIns, users, phones, columns, store, tenant } = flows;
  const userId = await signIns.ofChallenge(sessionDigest(challenge), asker.now);
  const user = userId === undefined ? undefined : await users.credentials(userId);
  if (user?.state !== 'active') throw new IdentityFault('CHALLENGE_INVALID', 'sign in again', { field: 'challenge' });
  const provider = await smsProviderFor(flows, user.user_id);
  const row = await phones.find(user.user_id);
  const [phone] = row?.state === 'enrolled' && !user.is_mfa_enrolled ? await columns.open([{ ...phonePlace(user.user_id), sealed: row.number }]) : [];
  if (phone === undefined) throw new IdentityFault('SMS_OFF', 'no codes are sent to this account');
  const code = await newSmsCode(flows, provider, { userId: user.user_id, phone, phoneIndex: row!.number_index, purpose: 'sign-in' }, asker);
  let expiresAt = asker.now;
  const { ip, userAgent } = asker.context;
  await store.execute(userAggregate, {
    tenant,
    id: user.user_id,
    command: { type: 'send-sms', userId: user.user_id, origin: { subject: user.user_id, ip, userAgent } },
    ...asker.cause,
    actor: { type: 'user', id: user.user_id },
    retriesMax: 3,
    project: async (client) => {
      expiresAt = await code.put(client);
    },
  });
  await code.send();
  return { expiresAt: expiresAt.toISOString() };
}

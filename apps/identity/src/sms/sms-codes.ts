import { createHmac, randomInt, timingSafeEqual } from 'node:crypto';
import type { PoolClient } from '@countersign/postgres';
import { IdentityFault } from '../domain/identity-fault.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import type { UseUp } from '../sign-in/second-factor.js';
import { putSmsCode, takeSmsCode, type SmsPurpose } from '../store/phone-rows.js';
import type { SmsProvider } from './sms-provider.js';

const CODES = 1_000_000;
const DIGITS = 6;

export interface NewSmsCode {
  /** Writes the code in the transaction of what is recorded of it. Returns when it ends. */
  readonly put: (client: PoolClient) => Promise<Date>;
  /** After the commit: a code that is not on record is sent to nobody. Throws SMS_UNSENT. */
  readonly send: () => Promise<void>;
}

/** The provider, where the operator has one and the policies over the account allow it. Throws SMS_OFF. */
export async function smsProviderFor({ sms, policies }: Flows, userId: string): Promise<SmsProvider> {
  if (sms !== undefined && (await policies.ofUser(userId)).isSmsAllowed) return sms;
  throw new IdentityFault('SMS_OFF', 'no codes are sent by SMS here');
}

/** So many to one account and to one number, and no more, whoever asks. Throws ATTEMPTS_LOCKED. */
export async function newSmsCode(flows: Flows, provider: SmsProvider, { userId, phone, phoneIndex, purpose }: { readonly userId: string; readonly phone: string; readonly phoneIndex: string; readonly purpose: SmsPurpose }, asker: Asker): Promise<NewSmsCode> {
  const { guard, issuer, newId } = flows;
  await guard.count('sms', [{ account: userId, userId: undefined }, { account: phoneIndex, userId: undefined }], asker);
  const code = String(randomInt(CODES)).padStart(DIGITS, '0');
  const mac = await macOf(flows, userId, purpose, code);
  return {
    put: (client) => putSmsCode(client, userId, purpose, mac, asker.now),
    send: () => provider.send({ id: newId(), to: phone, text: `${code} is your code for ${issuer}. We never ask you for it.` }),
  };
}

/** Throws CODE_REFUSED. */
export async function checkSmsCode(flows: Flows, userId: string, purpose: SmsPurpose, code: string, now: Date): Promise<UseUp> {
  const refused = (): IdentityFault => new IdentityFault('CODE_REFUSED', 'the code is wrong, too old, or was used before', { field: 'code' });
  const sent = await flows.phones.tryCode(userId, purpose, now);
  const given = await macOf(flows, userId, purpose, code);
  if (sent === undefined || !timingSafeEqual(Buffer.from(sent), Buffer.from(given))) throw refused();
  return async (client) => {
    if (!(await takeSmsCode(client, userId, purpose, sent))) throw refused();
  };
}

/** Under the pepper, which the database does not hold. */
async function macOf({ keys }: Flows, userId: string, purpose: SmsPurpose, code: string): Promise<string> {
  return createHmac('sha256', (await keys.pepper()).bytes).update(JSON.stringify(['sms', userId, purpose, code])).digest('base64url');
}

import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, unknownUser } from '../session/sessions.js';
import { checkSmsCode, newSmsCode, smsProviderFor } from '../sms/sms-codes.js';
import { confirmPhone, putPhone, removePhone } from '../store/phone-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { needsMfa } from './remove-factors.js';

export function phoneHandlers(flows: Flows): Pick<Handlers, 'phone-enrol' | 'phone-confirm' | 'phone-remove'> {
  return {
    'phone-enrol': (args, asker) => enrol(flows, args, asker),
    'phone-confirm': (args, asker) => confirm(flows, args, asker),
    'phone-remove': (_args, asker) => remove(flows, asker),
  };
}

export const phonePlace = (userId: string) => ({ subject: userId, table: 'phones', column: 'number', row: userId });

async function owner({ users }: Flows, asker: Asker, permission: 'mfa.enroll' | 'mfa.remove') {
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, permission, targetOf(user));
  return { userId: user.user_id, session, isForbidden: needsMfa(user) };
}

/** A number is taken over too easily, by a call to its provider, for anybody who can do harm to others. */
const forbidden = (): IdentityFault => new IdentityFault('SMS_FORBIDDEN', 'your role asks for a second factor, and this is none');

async function enrol(flows: Flows, { phone }: IdentityArgs<'phone-enrol'>, asker: Asker): Promise<IdentityResult<'phone-enrol'>> {
  const { columns, keys, store, tenant } = flows;
  const { userId, session, isForbidden } = await owner(flows, asker, 'mfa.enroll');
  if (isForbidden) throw forbidden();
  const provider = await smsProviderFor(flows, userId);
  const phoneIndex = await keys.phoneIndex(phone);
  const [number] = await columns.seal([{ ...phonePlace(userId), text: phone }]);
  if (number === undefined) throw unknownUser();
  const code = await newSmsCode(flows, provider, { userId, phone, phoneIndex, purpose: 'enrol' }, asker);
  let expiresAt = asker.now;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'begin-phone', userId, phone, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await putPhone(client, { user_id: userId, number, number_index: phoneIndex });
      expiresAt = await code.put(client);
    },
  });
  await code.send();
  return { expiresAt: expiresAt.toISOString() };
}

async function confirm(flows: Flows, { code }: IdentityArgs<'phone-confirm'>, asker: Asker): Promise<Record<string, never>> {
  const { guard, store, tenant, notices } = flows;
  const { userId, session, isForbidden } = await owner(flows, asker, 'mfa.enroll');
  if (isForbidden) throw forbidden();
  const useUp = await guard.run({ what: 'factor', account: userId, userId }, asker, () => checkSmsCode(flows, userId, 'enrol', code, asker.now));
  const post = await notices.factorAdded(userId, 'phone', asker);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'enrol-phone', userId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await useUp(client);
      await confirmPhone(client, userId);
      await post(client);
    },
  });
  return {};
}

async function remove(flows: Flows, asker: Asker): Promise<Record<string, never>> {
  const { store, tenant, notices } = flows;
  const { userId, session } = await owner(flows, asker, 'mfa.remove');
  const post = await notices.factorRemoved(userId, 'phone', asker);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'remove-phone', userId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await removePhone(client, userId);
      await post(client);
    },
  });
  return {};
}

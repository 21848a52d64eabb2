import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, current, raise, unknownUser } from '../session/sessions.js';
import { applyFactorEvents } from '../store/factor-rows.js';
import { insertPasskey } from '../store/passkey-rows.js';
import { holdAuthority } from '../store/session-rows.js';
import { insertBackupCodes } from '../store/user-rows.js';
import { challengeHash, clientDataOf, verifyMade } from './ceremony.js';
import { creationRequest } from './requests.js';

export function enrolPasskeyHandlers(flows: Flows): Pick<Handlers, 'passkey-enrol' | 'passkey-confirm'> {
  return {
    'passkey-enrol': (_args, asker) => enrol(flows, asker),
    'passkey-confirm': (args, asker) => confirm(flows, args, asker),
  };
}

export const passkeyName = (userId: string, passkeyId: string) => ({ subject: userId, table: 'passkeys', column: 'name', row: passkeyId });

async function enrol(flows: Flows, asker: Asker): Promise<IdentityResult<'passkey-enrol'>> {
  const { users, passkeys, columns, relyingParty, store, tenant } = flows;
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.enroll', targetOf(user));
  const userId = user.user_id;
  const column = (which: 'email' | 'name') => ({ subject: userId, table: 'users', column: which, row: userId, sealed: user[which] });
  const [email = userId, name = ''] = await columns.open([column('email'), column('name')]);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'begin-passkey', userId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: (client) => holdAuthority(client, authority(session)),
  });
  return creationRequest(passkeys, relyingParty, { userId, email, name }, await passkeys.ofUser(userId), asker.now);
}

async function confirm(flows: Flows, { name, passkey }: IdentityArgs<'passkey-confirm'>, asker: Asker): Promise<IdentityResult<'passkey-confirm'>> {
  const { users, passkeys, backupCodes, columns, store, tenant, revocations, newId, relyingParty, notices } = flows;
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.enroll', targetOf(user));
  const userId = user.user_id;
  const clientData = clientDataOf(passkey);
  if (!(await passkeys.takeChallenge(challengeHash(clientData.challenge), 'enrol', userId, asker.now))) throw new IdentityFault('CHALLENGE_INVALID', 'ask for a new challenge', { field: 'passkey' });
  const made = await verifyMade(passkey, clientData, relyingParty);
  const passkeyId = newId();
  const [sealedName] = await columns.seal([{ ...passkeyName(userId, passkeyId), text: name }]);
  const post = await notices.factorAdded(userId, 'passkey', asker);
  const codes = user.is_mfa_enrolled ? undefined : await backupCodes.make();
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'add-passkey', userId, passkeyId, name, algorithm: made.algorithm, ...(codes === undefined ? {} : { backupCodeIds: codes.stored.map(({ id }) => id) }), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(session));
      await insertPasskey(client, { ...made, passkeyId, userId, name: sealedName }, asker.now);
      if (codes !== undefined) await insertBackupCodes(client, userId, codes.stored);
      await applyFactorEvents(client, userId, events);
      await post(client);
    },
  });
  // Of an account that has another factor, the session has proved that one just now: `mfa.enroll` is sensitive.
  if (codes !== undefined) await raise(flows, session, 'mfa', { ...asker, command: {} });
  await revocations.enforce(userId);
  return { passkeyId, ...(codes === undefined ? {} : { backupCodes: [...codes.texts] }), principal: await current(flows, asker) };
}

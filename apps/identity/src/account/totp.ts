import { newTotpSecret, totpSecretText, totpUri } from '@countersign/credentials';
import type { IdentityArgs, IdentityResult } from '@countersign/contracts';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { authority, current, raise, unknownUser } from '../session/sessions.js';
import { checkTotp, MFA_PURPOSE, totpPlace } from '../sign-in/second-factor.js';
import { holdAuthority } from '../store/session-rows.js';
import { applyUserEvents, insertBackupCodes, setPendingTotp } from '../store/user-rows.js';

export function totpHandlers(flows: Flows): Pick<Handlers, 'enrol-totp' | 'confirm-totp'> {
  return {
    'enrol-totp': (_args, asker) => enrol(flows, asker),
    'confirm-totp': (args, asker) => confirm(flows, args, asker),
  };
}

async function enrol(flows: Flows, asker: Asker): Promise<IdentityResult<'enrol-totp'>> {
  const { users, fields, columns, store, tenant, issuer } = flows;
  const user = await users.find(signedIn(asker).session.user_id);
  if (user === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.enroll', targetOf(user));
  const userId = user.user_id;
  const secret = newTotpSecret();
  const sealed = await fields.seal(tenant, MFA_PURPOSE, totpPlace(userId), secret);
  const [account = userId] = await columns.open([{ subject: userId, table: 'users', column: 'email', row: userId, sealed: user.email }]);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'begin-totp', userId, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await setPendingTotp(client, userId, sealed);
    },
  });
  const shown = { secret: totpSecretText(secret), uri: totpUri(secret, { issuer, account }) };
  secret.fill(0);
  return shown;
}

async function confirm(flows: Flows, { code }: IdentityArgs<'confirm-totp'>, asker: Asker): Promise<IdentityResult<'confirm-totp'>> {
  const { users, guard, backupCodes, store, tenant, revocations, notices } = flows;
  const userId = signedIn(asker).session.user_id;
  const [user, credentials] = await Promise.all([users.find(userId), users.credentials(userId)]);
  if (user === undefined || credentials === undefined) throw unknownUser();
  const { session } = authorise(asker, 'mfa.enroll', targetOf(user));
  if (credentials.totp_state === 'enrolled') throw new IdentityFault('TOTP_ENROLLED', 'an authenticator is enrolled already');
  if (credentials.totp_state === 'none') throw new IdentityFault('TOTP_NOT_PENDING', 'no enrolment has been begun');
  const useUp = await guard.run({ what: 'factor', account: userId, userId }, asker, () => checkTotp(flows, credentials, code, asker.now));
  const codes = await backupCodes.make();
  const post = await notices.factorAdded(userId, 'totp', asker);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'enrol-totp', userId, backupCodeIds: codes.stored.map(({ id }) => id), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client, events) => {
      await holdAuthority(client, authority(session));
      await useUp(client);
      await insertBackupCodes(client, userId, codes.stored);
      await applyUserEvents(client, userId, events);
      await post(client);
    },
  });
  // Whoever has shown both factors in this session is worth both.
  await raise(flows, session, 'mfa', { ...asker, command: {} });
  await revocations.enforce(userId);
  return { backupCodes: [...codes.texts], principal: await current(flows, asker) };
}

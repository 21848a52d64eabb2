import { newSessionToken, sessionDigest } from '@countersign/credentials';
import type { challengedSchema, IdentityArgs, IdentityResult } from '@countersign/contracts';
import type { z } from 'zod';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { checkPasskey } from '../passkeys/check-passkey.js';
import { answerRequest } from '../passkeys/requests.js';
import { takeChallenge } from '../store/sign-in-rows.js';
import { replacePassword, type CredentialsRow } from '../store/user-rows.js';
import { checkSmsCode } from '../sms/sms-codes.js';
import { requireChange } from './require-change.js';
import { checkCode, type UseUp } from './second-factor.js';
import { asksForSms } from './sms-sign-in.js';
import { startSession } from './start-session.js';

export function signInHandlers(flows: Flows): Pick<Handlers, 'sign-in' | 'verify-mfa'> {
  return {
    'sign-in': (args, asker) => signIn(flows, args, asker),
    'verify-mfa': (args, asker) => verifyMfa(flows, args, asker),
  };
}

/** The same answer, after the same work, for an account that is not there, one that is disabled, and a wrong password. */
async function signIn(flows: Flows, { email, password }: IdentityArgs<'sign-in'>, asker: Asker): Promise<IdentityResult<'sign-in'>> {
  const { keys, users, guard, passwords, erasures } = flows;
  const indexes = await keys.emailIndexes(email);
  const found = await users.credentialsByEmail(indexes);
  const user = found !== undefined && (await erasures.isKept(found.user_id)) ? found : undefined;
  await guard.run({ what: 'password', account: indexes[0], userId: user?.user_id }, asker, async () => {
    const verdict = await passwords.verify(password, user?.state === 'active' ? user.password : undefined);
    if (!verdict.isRight || user === undefined) throw new IdentityFault('SIGN_IN_REFUSED', 'sign-in refused');
    if (verdict.needsRehash) await rehash(flows, user, password, asker);
  });
  const { user_id: userId, organization, is_mfa_enrolled } = user!;
  const access = await requireChange(flows, user!, password, asker);
  const sms = await asksForSms(flows, user!);
  if (!is_mfa_enrolled && !sms) return startSession(flows, { userId, organization: organization ?? undefined, assurance: 'password', access }, asker);
  return challenge(flows, user!, sms, asker);
}

async function challenge({ signIns, passkeys, relyingParty }: Flows, { user_id, totp_state }: CredentialsRow, sms: boolean, { now }: Asker): Promise<z.output<typeof challengedSchema>> {
  const { token, digest } = newSessionToken();
  const [expiresAt, known] = await Promise.all([signIns.addChallenge(digest, user_id, now), passkeys.ofUser(user_id)]);
  const passkey = known.length === 0 ? undefined : await answerRequest(passkeys, relyingParty, 'second-factor', user_id, known, now);
  return {
    challenge: token,
    expiresAt: expiresAt.toISOString(),
    factors: sms ? ['sms'] : [...(totp_state === 'enrolled' ? (['totp'] as const) : []), ...(passkey === undefined ? [] : (['passkey'] as const)), 'backup-code'],
    ...(passkey === undefined ? {} : { passkey }),
  };
}

async function verifyMfa(flows: Flows, { challenge, code, passkey }: IdentityArgs<'verify-mfa'>, asker: Asker): Promise<IdentityResult<'verify-mfa'>> {
  const { signIns, users, guard } = flows;
  const digest = sessionDigest(challenge);
  const invalid = (): IdentityFault => new IdentityFault('CHALLENGE_INVALID', 'sign in again', { field: 'challenge' });
  const userId = await signIns.tryChallenge(digest, asker.now);
  const user = userId === undefined ? undefined : await users.credentials(userId);
  if (user === undefined || user.state !== 'active') throw invalid();
  return guard.run({ what: 'factor', account: user.user_id, userId }, asker, async () => {
    const sms = code !== undefined && (await asksForSms(flows, user));
    const useUp = sms ? await checkSmsCode(flows, user.user_id, 'sign-in', code, asker.now) : await proved(flows, user, { code, passkey }, asker);
    return startSession(flows, {
      userId: user.user_id,
      organization: user.organization ?? undefined,
      // A code by SMS keeps some strangers out, and proves too little to be a second factor.
      assurance: sms ? 'password' : 'mfa',
      access: user.access,
      along: async (client) => {
        if (!(await takeChallenge(client, digest))) throw invalid();
        await useUp(client);
      },
    }, asker);
  });
}

async function proved(flows: Flows, user: CredentialsRow, { code, passkey }: Pick<IdentityArgs<'verify-mfa'>, 'code' | 'passkey'>, asker: Asker): Promise<UseUp> {
  if (passkey === undefined) return checkCode(flows, user, code!, asker);
  return (await checkPasskey(flows, passkey, { purpose: 'second-factor', userId: user.user_id }, asker)).useUp;
}

/** The password is known in clear only now: it gets today's work factor and pepper. */
async function rehash({ passwords, store, tenant }: Flows, user: CredentialsRow, password: string, { cause, context }: Asker): Promise<void> {
  const { user_id: userId } = user;
  const { ip, userAgent } = context;
  const hashed = await passwords.hash(password);
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'rehash-password', userId, origin: { subject: userId, ip, userAgent } },
    ...cause,
    actor: { type: 'user', id: userId },
    retriesMax: 3,
    project: (client) => replacePassword(client, userId, { from: user.password, to: hashed }),
  });
}

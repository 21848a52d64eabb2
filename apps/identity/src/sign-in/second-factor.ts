import { CredentialFault, verifyTotp } from '@countersign/credentials';
import type { PoolClient } from '@countersign/postgres';
import { CodeReplayed } from '../domain/code-replayed.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { userAggregate } from '../domain/user.js';
import type { Flows } from '../parts.js';
import type { Asker } from '../request/asker.js';
import { takeTotpStep, useBackupCode, type CredentialsRow } from '../store/user-rows.js';

/** Purpose of the keys under which secrets of authenticators lie. */
export const MFA_PURPOSE = 'identity.mfa';
const TOTP_CODE = /^\d{6}$/;

export const totpPlace = (userId: string) => ({ table: 'identity.users', column: 'totp', row: userId });
const refused = (): IdentityFault => new IdentityFault('CODE_REFUSED', 'the code is wrong', { field: 'code' });

/** To be done in the transaction of what the code lets in: a code that was used by somebody else meanwhile lets nobody in. */
export type UseUp = (client: PoolClient) => Promise<void>;

/** A code of the authenticator. Throws CODE_REFUSED, CODE_REPLAYED. */
export async function checkTotp({ fields, tenant }: Flows, user: Pick<CredentialsRow, 'user_id' | 'totp' | 'totp_step'>, code: string, now: Date): Promise<UseUp> {
  if (user.totp === null) throw refused();
  const secret = await fields.open(tenant, MFA_PURPOSE, totpPlace(user.user_id), user.totp);
  const found = verifyTotp(secret, code, now.getTime(), Number(user.totp_step));
  secret.fill(0);
  if (found.verdict === 'wrong') throw refused();
  if (found.verdict === 'replayed') throw new CodeReplayed('identity.user.totp-replayed');
  return (client) => takeTotpStep(client, user.user_id, found.step);
}

/** A code of the authenticator, or a backup code, which is used up at once. Throws CODE_REFUSED, CODE_REPLAYED. */
export async function checkCode(flows: Flows, user: CredentialsRow, code: string, asker: Asker): Promise<UseUp> {
  if (!user.is_mfa_enrolled) throw refused();
  // One that was begun and never confirmed proves nothing.
  if (TOTP_CODE.test(code)) return user.totp_state === 'enrolled' ? checkTotp(flows, user, code, asker.now) : Promise.reject(refused());
  await takeBackupCode(flows, user.user_id, code, asker);
  return async () => undefined;
}

async function takeBackupCode({ users, backupCodes, store, tenant }: Flows, userId: string, code: string, { cause, context, now }: Asker): Promise<void> {
  const stored = await users.backupCodes(userId);
  const found = await backupCodes.verify(code, stored).catch((error: unknown) => {
    if (error instanceof CredentialFault && error.code === 'BACKUP_CODE_MALFORMED') throw refused();
    throw error;
  });
  if (found.verdict === 'wrong') throw refused();
  const replayed = new CodeReplayed('identity.user.backup-code-reused');
  if (found.verdict === 'used') throw replayed;
  const { ip, userAgent } = context;
  await store.execute(userAggregate, {
    tenant,
    id: userId,
    command: { type: 'use-backup-code', userId, codeId: found.id, origin: { subject: userId, ip, userAgent } },
    ...cause,
    actor: { type: 'user', id: userId },
    retriesMax: 3,
    project: (client) => useBackupCode(client, userId, found.id, now),
  }).catch((error: unknown) => {
    // It was good when it was looked at: somebody else used it since.
    throw error instanceof IdentityFault && error.code === 'CODE_REFUSED' ? replayed : error;
  });
}

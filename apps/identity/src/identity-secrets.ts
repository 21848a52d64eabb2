import type { Logger } from '@countersign/runtime';
import { openLiveText, openSecrets, type LiveText, type Secrets, type SecretSource } from '@countersign/secrets';

export interface IdentitySecrets {
  readonly databaseUrl: LiveText;
  readonly natsSeed: LiveText;
  /** With its credentials; undefined: attempts are counted in memory. */
  readonly redisUrl: string | undefined;
  /** Undefined: the mail server asks for none. */
  readonly smtpPassword: LiveText | undefined;
  /** Undefined: nothing is sent to telephones. */
  readonly smsKey: LiveText | undefined;
  readonly all: Secrets;
}

/** Reads every secret of identity once; rotated ones are followed from then on. Throws SecretFault. */
export async function openIdentitySecrets(sources: Readonly<Record<string, SecretSource>>, log: Pick<Logger, 'info' | 'warn'>): Promise<IdentitySecrets> {
  const all = openSecrets({ sources, now: () => Date.now(), log });
  try {
    return {
      databaseUrl: await openLiveText(all, 'IDENTITY_DATABASE_URL', log),
      natsSeed: await openLiveText(all, 'IDENTITY_NATS_SEED', log),
      smtpPassword: sources['IDENTITY_SMTP_PASSWORD'] === undefined ? undefined : await openLiveText(all, 'IDENTITY_SMTP_PASSWORD', log),
      smsKey: sources['IDENTITY_SMS_KEY'] === undefined ? undefined : await openLiveText(all, 'IDENTITY_SMS_KEY', log),
      redisUrl: sources['IDENTITY_REDIS_URL'] === undefined ? undefined : (await all.get('IDENTITY_REDIS_URL')).text(),
      all,
    };
  } catch (error) {
    all.close();
    throw error;
  }
}

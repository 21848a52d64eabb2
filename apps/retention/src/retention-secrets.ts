import type { Logger } from '@countersign/runtime';
import { openLiveText, openSecrets, type LiveText, type Secrets, type SecretSource } from '@countersign/secrets';

export interface RetentionSecrets {
  readonly databaseUrl: LiveText;
  readonly natsSeed: LiveText;
  /** Of the bucket of exports. */
  readonly s3SecretAccessKey: LiveText | undefined;
  readonly all: Secrets;
}

/** Reads every secret of retention once; rotated ones are followed from then on. Throws SecretFault. */
export async function openRetentionSecrets(sources: Readonly<Record<string, SecretSource>>, log: Pick<Logger, 'info' | 'warn'>): Promise<RetentionSecrets> {
  const all = openSecrets({ sources, now: () => Date.now(), log });
  try {
    return {
      databaseUrl: await openLiveText(all, 'RETENTION_DATABASE_URL', log),
      natsSeed: await openLiveText(all, 'RETENTION_NATS_SEED', log),
      s3SecretAccessKey: sources['RETENTION_S3_SECRET_ACCESS_KEY'] === undefined ? undefined : await openLiveText(all, 'RETENTION_S3_SECRET_ACCESS_KEY', log),
      all,
    };
  } catch (error) {
    all.close();
    throw error;
  }
}

import type { Logger } from '@countersign/runtime';
import { openLiveText, openSecrets, type LiveText, type Secrets, type SecretSource } from '@countersign/secrets';

export interface KeysSecrets {
  readonly databaseUrl: LiveText;
  readonly subjectsDatabaseUrl: LiveText;
  readonly natsSeed: LiveText;
  /** Who may ask. */
  readonly services: LiveText;
  /** Read once, both: what they seal is opened at the start. */
  readonly rootPassphrase: string | undefined;
  readonly rootPreviousPassphrase: string | undefined;
  readonly all: Secrets;
}

/** Reads every secret of the key service once; rotated ones are followed from then on. Throws SecretFault. */
export async function openKeysSecrets(sources: Readonly<Record<string, SecretSource>>, log: Pick<Logger, 'info' | 'warn'>): Promise<KeysSecrets> {
  const all = openSecrets({ sources, now: () => Date.now(), log });
  const optional = async (name: string): Promise<string | undefined> => (sources[name] === undefined ? undefined : (await all.get(name)).text());
  try {
    return {
      databaseUrl: await openLiveText(all, 'KEYS_DATABASE_URL', log),
      subjectsDatabaseUrl: await openLiveText(all, 'KEYS_SUBJECTS_DATABASE_URL', log),
      natsSeed: await openLiveText(all, 'KEYS_NATS_SEED', log),
      services: await openLiveText(all, 'KEYS_SERVICES', log),
      rootPassphrase: await optional('KEYS_ROOT_PASSPHRASE'),
      rootPreviousPassphrase: await optional('KEYS_ROOT_PREVIOUS_PASSPHRASE'),
      all,
    };
  } catch (error) {
    all.close();
    throw error;
  }
}

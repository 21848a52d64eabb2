import type { Logger } from '@countersign/runtime';
import { openSecrets, SecretFault, type Secrets, type SecretSource } from '@countersign/secrets';

/** A text that is always the newest. */
export interface LiveText {
  (): string;
  /** Tells that a server refused it, so that it is read again at once. */
  readonly refused: () => void;
}

export interface LedgerSecrets {
  readonly databaseUrl: LiveText;
  readonly readerDatabaseUrl: LiveText;
  readonly natsSeed: LiveText;
  /** Read once: what it seals is opened at the start. */
  readonly keysPassphrase: string | undefined;
  readonly all: Secrets;
}

/** Reads every secret of the ledger once; rotated ones are followed from then on. Throws SecretFault. */
export async function openLedgerSecrets(sources: Readonly<Record<string, SecretSource>>, log: Pick<Logger, 'info' | 'warn'>): Promise<LedgerSecrets> {
  const all = openSecrets({ sources, now: () => Date.now(), log });
  try {
    return {
      databaseUrl: await liveText(all, 'LEDGER_DATABASE_URL', log),
      readerDatabaseUrl: await liveText(all, 'LEDGER_READER_DATABASE_URL', log),
      natsSeed: await liveText(all, 'LEDGER_NATS_SEED', log),
      keysPassphrase: sources['LEDGER_KEYS_PASSPHRASE'] === undefined ? undefined : (await all.get('LEDGER_KEYS_PASSPHRASE')).text(),
      all,
    };
  } catch (error) {
    all.close();
    throw error;
  }
}

async function liveText(all: Secrets, name: string, log: Pick<Logger, 'warn'>): Promise<LiveText> {
  let text = (await all.get(name)).text();
  all.onRotated(name, (secret) => {
    text = secret.text();
  });
  const refused = (): void => {
    all.refresh(name).catch((error: unknown) => log.warn({ secretName: name, code: (error as SecretFault).code }, 'a refused secret could not be read again'));
  };
  return Object.assign(() => text, { refused });
}

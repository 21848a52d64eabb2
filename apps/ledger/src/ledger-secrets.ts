import type { Logger } from '@countersign/runtime';
import { openLiveText, openSecrets, type LiveText, type Secrets, type SecretSource } from '@countersign/secrets';

export interface LedgerSecrets {
  readonly databaseUrl: LiveText;
  readonly readerDatabaseUrl: LiveText;
  /** Undefined: nothing is destroyed here. */
  readonly eraserDatabaseUrl: LiveText | undefined;
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
      databaseUrl: await openLiveText(all, 'LEDGER_DATABASE_URL', log),
      readerDatabaseUrl: await openLiveText(all, 'LEDGER_READER_DATABASE_URL', log),
      eraserDatabaseUrl: sources['LEDGER_ERASER_DATABASE_URL'] === undefined ? undefined : await openLiveText(all, 'LEDGER_ERASER_DATABASE_URL', log),
      natsSeed: await openLiveText(all, 'LEDGER_NATS_SEED', log),
      keysPassphrase: sources['LEDGER_KEYS_PASSPHRASE'] === undefined ? undefined : (await all.get('LEDGER_KEYS_PASSPHRASE')).text(),
      all,
    };
  } catch (error) {
    all.close();
    throw error;
  }
}

import { fileURLToPath } from 'node:url';
import { ensureDatabase, ensureRole, migrate, withClient, type Stamp } from '@countersign/postgres';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/** The main database, and that of the subjects' keys, which is backed up apart. */
export const KEYS_DATABASES = ['keys', 'keys_subjects'] as const;
export type KeysDatabase = (typeof KEYS_DATABASES)[number];

export const migrationsOf = (which: KeysDatabase): string => fileURLToPath(new URL(which, MIGRATIONS));

/** The service runs as `keys_runtime`, which owns nothing. Who is on call looks as `keys_reader` at what runbooks name, which are no keys. */
export const KEYS_ROLES = ['keys_owner', 'keys_runtime', 'keys_reader'] as const;
export type KeysRole = (typeof KEYS_ROLES)[number];

export interface ProvisionOptions {
  /** A superuser, used here and nowhere else. */
  readonly adminUrl: string;
  /** Names of the databases; those of {@link KEYS_DATABASES} by default. */
  readonly databases?: Readonly<Record<KeysDatabase, string>>;
  readonly passwords: Readonly<Record<KeysRole, string>>;
  /** Stamped into each database, see `DEPLOYMENT`. */
  readonly deployment: string;
  readonly log?: (line: string) => void;
}

/** Makes roles, databases and schemas, or brings them up to date. Safe to repeat. */
export async function provisionKeys(options: ProvisionOptions): Promise<void> {
  await withClient(options.adminUrl, async (client) => {
    for (const name of KEYS_ROLES) await ensureRole(client, { name, password: options.passwords[name] });
    for (const which of KEYS_DATABASES) {
      const name = options.databases?.[which] ?? which;
      await ensureDatabase(client, name, 'keys_owner');
      await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${client.escapeIdentifier(name)} FROM PUBLIC`);
      await client.query(`GRANT CONNECT ON DATABASE ${client.escapeIdentifier(name)} TO keys_runtime, keys_reader`);
    }
  });
  for (const which of KEYS_DATABASES) {
    await migrate({ ownerUrl: keysUrl(options, which, 'keys_owner'), dir: migrationsOf(which), stamp: stampOf(options.deployment, which), log: options.log });
  }
}

export const stampOf = (deployment: string, purpose: KeysDatabase): Stamp => ({ deployment, purpose });

/** Connection URL of a role to one of the two databases. */
export function keysUrl(options: Pick<ProvisionOptions, 'adminUrl' | 'databases' | 'passwords'>, which: KeysDatabase, role: KeysRole): string {
  const url = new URL(options.adminUrl);
  url.username = role;
  url.password = options.passwords[role];
  url.pathname = `/${options.databases?.[which] ?? which}`;
  return url.href;
}

import { fileURLToPath } from 'node:url';
import { ensureDatabase, ensureRole, migrate, withClient, type Stamp } from '@countersign/postgres';

export const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations', import.meta.url));

/** The four roles of the ledger's database; no service runs as the owner. */
export const LEDGER_ROLES = ['ledger_owner', 'ledger_runtime', 'ledger_reader', 'ledger_eraser'] as const;
/** Seals kept bodies under newer versions of their keys. Nobody logs in as it: the service takes it on for a connection. */
export const ROTATION_ROLE = 'ledger_rotation';
export type LedgerRole = (typeof LEDGER_ROLES)[number];

export interface ProvisionOptions {
  /** A superuser, used here and nowhere else. */
  readonly adminUrl: string;
  readonly database: string;
  readonly passwords: Readonly<Record<LedgerRole, string>>;
  /** Stamped into the database, see `DEPLOYMENT`. */
  readonly deployment: string;
  readonly log?: (line: string) => void;
}

/** Makes roles, database and schema, or brings them up to date. Safe to repeat. */
export async function provisionLedger(options: ProvisionOptions): Promise<void> {
  await withClient(options.adminUrl, async (client) => {
    for (const name of LEDGER_ROLES) await ensureRole(client, { name, password: options.passwords[name] });
    await ensureRole(client, { name: ROTATION_ROLE });
    await client.query(`GRANT ${ROTATION_ROLE} TO ledger_runtime WITH INHERIT FALSE, SET TRUE`);
    await ensureDatabase(client, options.database, 'ledger_owner');
    const database = client.escapeIdentifier(options.database);
    await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${database} TO ledger_runtime, ledger_reader, ledger_eraser`);
  });
  await migrate({ ownerUrl: roleUrl(options, 'ledger_owner'), dir: MIGRATIONS_DIR, stamp: stampOf(options.deployment), log: options.log });
}

export const stampOf = (deployment: string): Stamp => ({ deployment, purpose: 'ledger' });

/** Connection URL of one of the ledger's roles. */
export function roleUrl(options: Pick<ProvisionOptions, 'adminUrl' | 'database' | 'passwords'>, role: LedgerRole): string {
  const url = new URL(options.adminUrl);
  url.username = role;
  url.password = options.passwords[role];
  url.pathname = `/${options.database}`;
  return url.href;
}

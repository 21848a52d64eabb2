import { fileURLToPath } from 'node:url';
import { ensureDatabase, ensureRole, migrate, withClient } from '@countersign/postgres';

const MIGRATIONS = fileURLToPath(new URL('../../migrations/', import.meta.url));
const DATABASE = 'identity';

/** The service runs as `identity_runtime`, which owns nothing. */
export const IDENTITY_ROLES = ['identity_owner', 'identity_runtime'] as const;
export type IdentityRole = (typeof IDENTITY_ROLES)[number];

export interface ProvisionOptions {
  /** A superuser, used here and nowhere else. */
  readonly adminUrl: string;
  /** Default `identity`. */
  readonly database?: string;
  readonly passwords: Readonly<Record<IdentityRole, string>>;
  readonly log?: (line: string) => void;
}

/** Makes roles, database and schema, or brings them up to date. Safe to repeat. */
export async function provisionIdentity(options: ProvisionOptions): Promise<void> {
  const name = options.database ?? DATABASE;
  await withClient(options.adminUrl, async (client) => {
    for (const role of IDENTITY_ROLES) await ensureRole(client, { name: role, password: options.passwords[role] });
    await ensureDatabase(client, name, 'identity_owner');
    await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${client.escapeIdentifier(name)} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${client.escapeIdentifier(name)} TO identity_runtime`);
  });
  await migrate({ ownerUrl: identityUrl(options, 'identity_owner'), dir: MIGRATIONS, log: options.log });
}

/** Connection URL of a role to the database. */
export function identityUrl({ adminUrl, database, passwords }: Pick<ProvisionOptions, 'adminUrl' | 'database' | 'passwords'>, role: IdentityRole): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = passwords[role];
  url.pathname = `/${database ?? DATABASE}`;
  return url.href;
}

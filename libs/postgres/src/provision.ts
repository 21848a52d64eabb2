import { migrate } from './migrate.js';
import { withClient } from './pool.js';
import { ensureDatabase, ensureRole } from './roles.js';
import type { Stamp } from './stamp.js';

export interface ProvisionOptions<Role extends string> {
  /** A superuser, used here and nowhere else. */
  readonly adminUrl: string;
  readonly database: string;
  /** Owns database and schema; no service runs as it. */
  readonly owner: Role;
  /** May connect; what else they may the migrations say. */
  readonly others: readonly Role[];
  readonly passwords: Readonly<Record<Role, string>>;
  /** Folder of migrations, see `migrate`. */
  readonly migrations: string;
  readonly stamp: Stamp;
  readonly log?: (line: string) => void;
}

/** Makes a service's roles, database and schema, or brings them up to date. Safe to repeat. */
export async function provisionDatabase<Role extends string>(options: ProvisionOptions<Role>): Promise<void> {
  const { adminUrl, database, owner, others, passwords, migrations, stamp, log } = options;
  await withClient(adminUrl, async (client) => {
    for (const role of [owner, ...others]) await ensureRole(client, { name: role, password: passwords[role] });
    await ensureDatabase(client, database, owner);
    const name = client.escapeIdentifier(database);
    await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${others.map((role) => client.escapeIdentifier(role)).join(', ')}`);
  });
  await migrate({ ownerUrl: roleUrl(options, owner), dir: migrations, stamp, log });
}

/** Connection URL of a role to the database. */
export function roleUrl<Role extends string>({ adminUrl, database, passwords }: Pick<ProvisionOptions<Role>, 'adminUrl' | 'database' | 'passwords'>, role: Role): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = passwords[role];
  url.pathname = `/${database}`;
  return url.href;
}

import { fileURLToPath } from 'node:url';
import { provisionDatabase, roleUrl, type Stamp } from '@countersign/postgres';

export const MIGRATIONS = fileURLToPath(new URL('../../migrations/', import.meta.url));
const DATABASE = 'identity';

/** The service runs as `identity_runtime`, which owns nothing. Who is on call looks as `identity_reader` at what runbooks name. */
export const IDENTITY_ROLES = ['identity_owner', 'identity_runtime', 'identity_reader'] as const;
export type IdentityRole = (typeof IDENTITY_ROLES)[number];

export interface ProvisionOptions {
  /** A superuser, used here and nowhere else. */
  readonly adminUrl: string;
  /** Default `identity`. */
  readonly database?: string;
  readonly passwords: Readonly<Record<IdentityRole, string>>;
  /** Stamped into the database, see `DEPLOYMENT`. */
  readonly deployment: string;
  readonly log?: (line: string) => void;
}

/** Makes roles, database and schema, or brings them up to date. Safe to repeat. */
export async function provisionIdentity({ database = DATABASE, deployment, ...options }: ProvisionOptions): Promise<void> {
  await provisionDatabase({ ...options, database, owner: 'identity_owner', others: ['identity_runtime', 'identity_reader'], migrations: MIGRATIONS, stamp: stampOf(deployment) });
}

export const stampOf = (deployment: string): Stamp => ({ deployment, purpose: DATABASE });

/** Connection URL of a role to the database. */
export const identityUrl = ({ database = DATABASE, ...options }: Pick<ProvisionOptions, 'adminUrl' | 'database' | 'passwords'>, role: IdentityRole): string => roleUrl({ ...options, database }, role);

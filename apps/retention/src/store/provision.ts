import { fileURLToPath } from 'node:url';
import { provisionDatabase, roleUrl, type Stamp } from '@countersign/postgres';

export const MIGRATIONS = fileURLToPath(new URL('../../migrations/', import.meta.url));
const DATABASE = 'retention';

/** The service runs as `retention_runtime`, which owns nothing. Who is on call looks as `retention_reader` at what runbooks name. */
export const RETENTION_ROLES = ['retention_owner', 'retention_runtime', 'retention_reader'] as const;
export type RetentionRole = (typeof RETENTION_ROLES)[number];

export interface ProvisionOptions {
  /** A superuser, used here and nowhere else. */
  readonly adminUrl: string;
  /** Default `retention`. */
  readonly database?: string;
  readonly passwords: Readonly<Record<RetentionRole, string>>;
  /** Stamped into the database, see `DEPLOYMENT`. */
  readonly deployment: string;
  readonly log?: (line: string) => void;
}

/** Makes roles, database and schema, or brings them up to date. Safe to repeat. */
export async function provisionRetention({ database = DATABASE, deployment, ...options }: ProvisionOptions): Promise<void> {
  await provisionDatabase({ ...options, database, owner: 'retention_owner', others: ['retention_runtime', 'retention_reader'], migrations: MIGRATIONS, stamp: stampOf(deployment) });
}

export const stampOf = (deployment: string): Stamp => ({ deployment, purpose: DATABASE });

/** Connection URL of a role to the database. */
export const retentionUrl = ({ database = DATABASE, ...options }: Pick<ProvisionOptions, 'adminUrl' | 'database' | 'passwords'>, role: RetentionRole): string => roleUrl({ ...options, database }, role);

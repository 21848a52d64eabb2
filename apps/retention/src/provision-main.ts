import { readFileSync } from 'node:fs';
import { DatabaseRefused, DEPLOYMENT, DEPLOYMENT_FORM, MigrationRefused } from '@countersign/postgres';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';
import { RETENTION_ROLES, provisionRetention, type RetentionRole } from './store/provision.js';

/** Environment of the provisioning step, which alone needs a superuser. */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  RETENTION_ADMIN_DATABASE_URL_FILE: z.string(),
  RETENTION_DATABASE_NAME: z.string().default('retention'),
  /** Folder with one file a role, named like the role, holding its password. */
  RETENTION_ROLE_PASSWORDS_DIR: z.string(),
});

try {
  const config = parseConfig(schema, process.env);
  const secret = (path: string): string => readFileSync(path, 'utf8').trim();
  const passwords = Object.fromEntries(RETENTION_ROLES.map((role) => [role, secret(`${config.RETENTION_ROLE_PASSWORDS_DIR}/${role}`)])) as Record<RetentionRole, string>;
  const adminUrl = secret(config.RETENTION_ADMIN_DATABASE_URL_FILE);
  await provisionRetention({ adminUrl, database: config.RETENTION_DATABASE_NAME, passwords, deployment: config.COUNTERSIGN_DEPLOYMENT, log: (line) => process.stdout.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`retention provision: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MigrationRefused || error instanceof DatabaseRefused ? 78 : 1);
}

import { readFileSync } from 'node:fs';
import { DatabaseRefused, DEPLOYMENT, DEPLOYMENT_FORM, MigrationRefused } from '@countersign/postgres';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';
import { KEYS_ROLES, provisionKeys, type KeysRole } from './store/provision.js';

/** Environment of the provisioning step, which alone needs a superuser. */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  KEYS_ADMIN_DATABASE_URL_FILE: z.string(),
  /** Folder with one file a role, named like the role, holding its password. */
  KEYS_ROLE_PASSWORDS_DIR: z.string(),
});

try {
  const config = parseConfig(schema, process.env);
  const secret = (path: string): string => readFileSync(path, 'utf8').trim();
  const passwords = Object.fromEntries(KEYS_ROLES.map((role) => [role, secret(`${config.KEYS_ROLE_PASSWORDS_DIR}/${role}`)])) as Record<KeysRole, string>;
  await provisionKeys({ adminUrl: secret(config.KEYS_ADMIN_DATABASE_URL_FILE), passwords, deployment: config.COUNTERSIGN_DEPLOYMENT, log: (line) => process.stdout.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`keys provision: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MigrationRefused || error instanceof DatabaseRefused ? 78 : 1);
}

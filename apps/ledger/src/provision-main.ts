import { readFileSync } from 'node:fs';
import { DatabaseRefused, DEPLOYMENT, DEPLOYMENT_FORM, MigrationRefused } from '@countersign/postgres';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';
import { LEDGER_ROLES, provisionLedger, type LedgerRole } from './store/provision.js';

/** Environment of the provisioning step, which alone needs a superuser. */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  LEDGER_ADMIN_DATABASE_URL_FILE: z.string(),
  LEDGER_DATABASE_NAME: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/).default('ledger'),
  /** Folder with one file a role, named like the role, holding its password. */
  LEDGER_ROLE_PASSWORDS_DIR: z.string(),
});

try {
  const config = parseConfig(schema, process.env);
  const secret = (path: string): string => readFileSync(path, 'utf8').trim();
  const passwords = Object.fromEntries(LEDGER_ROLES.map((role) => [role, secret(`${config.LEDGER_ROLE_PASSWORDS_DIR}/${role}`)])) as Record<LedgerRole, string>;
  await provisionLedger({
    adminUrl: secret(config.LEDGER_ADMIN_DATABASE_URL_FILE),
    database: config.LEDGER_DATABASE_NAME,
    passwords,
    deployment: config.COUNTERSIGN_DEPLOYMENT,
    log: (line) => process.stdout.write(`${line}\n`),
  });
} catch (error) {
  process.stderr.write(`ledger provision: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MigrationRefused || error instanceof DatabaseRefused ? 78 : 1);
}

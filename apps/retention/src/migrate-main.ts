import { readFileSync } from 'node:fs';
import { DatabaseRefused, DEPLOYMENT, DEPLOYMENT_FORM, migrateCommand, MigrationRefused } from '@countersign/postgres';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';
import { MIGRATIONS, stampOf } from './store/provision.js';

/** Environment of the step that migrates, or with `--dry-run` says what it would do. It needs no superuser. */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  RETENTION_OWNER_DATABASE_URL_FILE: z.string(),
});

try {
  const config = parseConfig(schema, process.env);
  const ownerUrl = readFileSync(config.RETENTION_OWNER_DATABASE_URL_FILE, 'utf8').trim();
  await migrateCommand([{ ownerUrl, dir: MIGRATIONS, stamp: stampOf(config.COUNTERSIGN_DEPLOYMENT) }], process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`retention migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MigrationRefused || error instanceof DatabaseRefused ? 78 : 1);
}

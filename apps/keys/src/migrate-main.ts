import { readFileSync } from 'node:fs';
import { DatabaseRefused, DEPLOYMENT, DEPLOYMENT_FORM, migrateCommand, MigrationRefused } from '@countersign/postgres';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';
import { KEYS_DATABASES, migrationsOf, stampOf } from './store/provision.js';

/** Environment of the step that migrates, or with `--dry-run` says what it would do. It needs no superuser. */
const schema = z.object({
  COUNTERSIGN_DEPLOYMENT: z.string().regex(DEPLOYMENT, DEPLOYMENT_FORM),
  KEYS_OWNER_DATABASE_URL_FILE: z.string(),
  /** The same of the database of the subjects' keys. */
  KEYS_SUBJECTS_OWNER_DATABASE_URL_FILE: z.string(),
});

try {
  const config = parseConfig(schema, process.env);
  const secret = (path: string): string => readFileSync(path, 'utf8').trim();
  const files = { keys: config.KEYS_OWNER_DATABASE_URL_FILE, keys_subjects: config.KEYS_SUBJECTS_OWNER_DATABASE_URL_FILE };
  const databases = KEYS_DATABASES.map((which) => ({ ownerUrl: secret(files[which]), dir: migrationsOf(which), stamp: stampOf(config.COUNTERSIGN_DEPLOYMENT, which) }));
  await migrateCommand(databases, process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`keys migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MigrationRefused || error instanceof DatabaseRefused ? 78 : 1);
}

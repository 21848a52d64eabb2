import { readFileSync } from 'node:fs';
import { migrateCommand, MigrationRefused } from '@countersign/postgres';
import { ConfigError, parseConfig } from '@countersign/runtime';
import { z } from 'zod';
import { migrationsOf } from './store/provision.js';

/** Environment of the step that migrates, or with `--dry-run` says what it would do. It needs no superuser. */
const schema = z.object({
  KEYS_OWNER_DATABASE_URL_FILE: z.string(),
  /** The same of the database of the subjects' keys. */
  KEYS_SUBJECTS_OWNER_DATABASE_URL_FILE: z.string(),
});

try {
  const config = parseConfig(schema, process.env);
  const secret = (path: string): string => readFileSync(path, 'utf8').trim();
  const databases = [
    { ownerUrl: secret(config.KEYS_OWNER_DATABASE_URL_FILE), dir: migrationsOf('keys') },
    { ownerUrl: secret(config.KEYS_SUBJECTS_OWNER_DATABASE_URL_FILE), dir: migrationsOf('keys_subjects') },
  ];
  await migrateCommand(databases, process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`keys migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof ConfigError || error instanceof MigrationRefused ? 78 : 1);
}

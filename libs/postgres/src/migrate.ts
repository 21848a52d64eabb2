import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { migrationsTable, planMigrations, type Migration } from './migration-plan.js';
import { withClient } from './pool.js';
import { compareStamp, stampDatabase, type Stamp } from './stamp.js';

export interface MigrateOptions {
  /** Connection URL of the role that owns the schema. No service runs as this role. */
  readonly ownerUrl: string;
  /** Folder of plain `.sql` files, run in the order of their names (`0001_entries.sql`). */
  readonly dir: string;
  /** Whose the database is, or is from now on if it has no stamp. */
  readonly stamp: Stamp;
  readonly log?: (line: string) => void;
}

/**
 * Runs the migrations that have not run yet, all in one transaction, under an advisory lock: several instances may
 * start at once and the later ones wait, then find nothing to do. Keeps a digest of each, and stamps the database.
 * @returns names of the migrations that ran
 * @throws {MigrationRefused} when what ran before is not what the folder says; then nothing runs
 * @throws {DatabaseRefused} when the database is another's
 */
export function migrate({ ownerUrl, dir, stamp, log = () => undefined }: MigrateOptions): Promise<string[]> {
  return withClient(ownerUrl, async (client) => {
    await compareStamp(client, stamp);
    const { all } = await planMigrations(client, dir);
    await stampDatabase(client, stamp);
    const done = await runner({
      dbClient: client,
      dir,
      migrationsTable,
      direction: 'up',
      advisoryLockMode: 'wait',
      singleTransaction: true,
      checkOrder: true,
      logger: { info: log, warn: log, error: log, debug: () => undefined },
    });
    await keepDigests(client, all);
    return done.map(({ name }) => name);
  });
}

/** What `migrate` would run, in order, and whether it would stamp. Changes nothing and locks nothing. Throws as `migrate` does. */
export function pendingMigrations({ ownerUrl, dir, stamp }: MigrateOptions): Promise<{ readonly pending: readonly Migration[]; readonly isStamped: boolean }> {
  return withClient(ownerUrl, async (client) => ({ isStamped: await compareStamp(client, stamp), pending: (await planMigrations(client, dir)).pending }));
}

// After a crash before this step, and in a database of a version that kept none, the next run adds what is missing.
async function keepDigests(client: pg.Client, all: readonly Migration[]): Promise<void> {
  const { rows } = await client.query(`SELECT FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'sha256'`, [migrationsTable]);
  if (rows.length === 0) await client.query(`ALTER TABLE ${migrationsTable} ADD COLUMN IF NOT EXISTS sha256 text`);
  const digests = `SELECT * FROM unnest($1::text[], $2::text[]) AS d (name, sha256)`;
  await client.query(`UPDATE ${migrationsTable} m SET sha256 = d.sha256 FROM (${digests}) d WHERE m.name = d.name AND m.sha256 IS NULL`, [all.map(({ name }) => name), all.map(({ sha256 }) => sha256)]);
}

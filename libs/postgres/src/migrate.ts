import { runner } from 'node-pg-migrate';

const MIGRATIONS_TABLE = 'schema_migrations';

export interface MigrateOptions {
  /** Connection URL of the role that owns the schema. No service runs as this role. */
  readonly ownerUrl: string;
  /** Folder of plain `.sql` files, run in the order of their names (`0001_entries.sql`). */
  readonly dir: string;
  readonly log?: (line: string) => void;
}

/**
 * Runs the migrations that have not run yet, all in one transaction, under an advisory lock: several instances may
 * start at once and the later ones wait, then find nothing to do.
 * @returns names of the migrations that ran
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const log = options.log ?? (() => undefined);
  const silent = () => undefined;
  const done = await runner({
    databaseUrl: options.ownerUrl,
    dir: options.dir,
    migrationsTable: MIGRATIONS_TABLE,
    direction: 'up',
    advisoryLockMode: 'wait',
    singleTransaction: true,
    checkOrder: true,
    logger: { info: log, warn: log, error: log, debug: silent },
  });
  return done.map(({ name }) => name);
}

import { migrate, pendingMigrations, type MigrateOptions } from './migrate.js';

/**
 * The program that migrates a service's databases, one after the other, as their owner; with `--dry-run` it writes what would
 * run, as SQL, and changes nothing.
 * @throws {MigrationRefused}, {DatabaseRefused}
 */
export async function migrateCommand(databases: readonly MigrateOptions[], args: readonly string[], write: (line: string) => void): Promise<void> {
  // A mistyped dry run must not be a run.
  if (args.length > 1 || (args[0] ?? '--dry-run') !== '--dry-run') throw new RangeError('the only argument is --dry-run');
  for (const database of databases) {
    const name = new URL(database.ownerUrl).pathname.slice(1);
    if (args.length === 0) {
      const done = await migrate(database);
      write(`${name}: ${done.length === 0 ? 'nothing to run' : `ran ${done.join(', ')}`}`);
      continue;
    }
    const { pending, isStamped } = await pendingMigrations(database);
    if (!isStamped) write(`-- ${name}: would be stamped with ${database.stamp.deployment}`);
    if (pending.length === 0) write(`-- ${name}: nothing would run`);
    for (const migration of pending) {
      write(`-- ${name}: would run ${migration.name}`);
      write(migration.sql.trimEnd());
    }
  }
}

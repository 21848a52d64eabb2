import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';

/** Of node-pg-migrate, with one column more: the digest of what ran. */
export const migrationsTable = 'schema_migrations';

export interface Migration {
  /** Of its file, without `.sql`. */
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

const WHY = {
  MIGRATION_CHANGED: 'has another text than when it ran: a migration that was released is never changed',
  MIGRATION_UNKNOWN: 'ran in this database and is not known here: the database is of a later version',
  MIGRATION_LATE: 'has not run, and ones after it have',
} as const;

/** What ran in a database is not what this version would have run. */
export class MigrationRefused extends Error {
  constructor(readonly code: keyof typeof WHY, readonly migration: string) {
    super(`${code}: migration ${migration} ${WHY[code]}`);
    this.name = 'MigrationRefused';
  }
}

/** Reads the folder and what ran. Throws MigrationRefused. */
export async function planMigrations(client: pg.ClientBase, dir: string): Promise<{ readonly all: readonly Migration[]; readonly pending: readonly Migration[] }> {
  const [all, applied] = [await readMigrations(dir), await readApplied(client)];
  const byName = new Map(all.map((migration) => [migration.name, migration]));
  for (const [name, sha256] of applied) {
    const known = byName.get(name);
    if (known === undefined) throw new MigrationRefused('MIGRATION_UNKNOWN', name);
    if (sha256 !== null && sha256 !== known.sha256) throw new MigrationRefused('MIGRATION_CHANGED', name);
  }
  const pending = all.filter(({ name }) => !applied.has(name));
  const late = all.slice(0, applied.size).find(({ name }) => !applied.has(name));
  if (late !== undefined) throw new MigrationRefused('MIGRATION_LATE', late.name);
  return { all, pending };
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).toSorted();
  return Promise.all(files.map(async (file) => {
    const sql = await readFile(join(dir, file), 'utf8');
    return { name: file.slice(0, -'.sql'.length), sql, sha256: createHash('sha256').update(sql).digest('hex') };
  }));
}

/** Digest by name; null where a version of before kept none. */
async function readApplied(client: pg.ClientBase): Promise<Map<string, string | null>> {
  const { rows: columns } = await client.query<{ name: string }>('SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0', [migrationsTable]);
  if (columns.length === 0) return new Map();
  const sha256 = columns.some(({ name }) => name === 'sha256') ? 'sha256' : 'NULL AS sha256';
  const { rows } = await client.query<{ name: string; sha256: string | null }>(`SELECT name, ${sha256} FROM ${migrationsTable} ORDER BY id`);
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

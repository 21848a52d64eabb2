import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { ensureDatabase, migrate, migrateCommand, pendingMigrations, withClient } from '@countersign/postgres';

const STAMP = { deployment: 'test-00000000', purpose: 'notes' };

interface Place {
  readonly dir: () => string;
  readonly urlOf: (database: string) => string;
}

/** Databases and folders of migrations, new for each test. */
class Scene {
  folder = '';

  constructor(private readonly place: Place) {}

  write(name: string, sql: string): Promise<void> {
    return writeFile(join(this.folder, name), sql);
  }

  async fresh(database: string): Promise<string> {
    this.folder = await mkdtemp(join(this.place.dir(), 'migrations-'));
    await withClient(this.place.urlOf('postgres'), (client) => ensureDatabase(client, database));
    await this.write('0001_notes.sql', `CREATE TABLE notes (id int);\nCREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2; END $$;`);
    await this.write('0002_more.sql', 'ALTER TABLE notes ADD COLUMN body text;');
    return this.place.urlOf(database);
  }
}

/** What is promised of migrations, on the server of the file that calls it. */
export function migrationsSuite(place: Place): void {
  const scene = new Scene(place);
  afterEach(() => rm(scene.folder, { recursive: true }));

  it('run once, in the order of their names', async () => {
    const ownerUrl = await scene.fresh('migrate_once');
    expect(await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).toEqual(['0001_notes', '0002_more']);
    expect(await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).toEqual([]);
    await scene.write('0003_last.sql', 'INSERT INTO notes VALUES (two(), NULL);');
    expect(await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).toEqual(['0003_last']);
  });

  it('run once when several instances start together', async () => {
    const ownerUrl = await scene.fresh('migrate_together');
    const runs = await Promise.all([1, 2, 3, 4].map(() => migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })));
    expect(runs.flat()).toEqual(['0001_notes', '0002_more']);
  });

  it('leave nothing behind when one fails', async () => {
    const ownerUrl = await scene.fresh('migrate_failing');
    await scene.write('0003_bad.sql', 'ALTER TABLE nowhere ADD COLUMN x int;');
    await expect(migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).rejects.toMatchObject({ code: '42P01' });
    await rm(join(scene.folder, '0003_bad.sql'));
    expect(await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).toEqual(['0001_notes', '0002_more']);
  });

  it('are shown by a dry run, which changes nothing', async () => {
    const ownerUrl = await scene.fresh('migrate_dry');
    const lines: string[] = [];
    const command = (...args: string[]): Promise<void> => migrateCommand([{ ownerUrl, dir: scene.folder, stamp: STAMP }], args, (line) => lines.push(line));
    const tables = (): Promise<unknown[]> => withClient(ownerUrl, async (client) => (await client.query(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`)).rows);
    await command('--dry-run');
    expect(lines).toEqual(['-- migrate_dry: would be stamped with test-00000000', '-- migrate_dry: would run 0001_notes', expect.stringMatching(/^CREATE TABLE notes/), '-- migrate_dry: would run 0002_more', 'ALTER TABLE notes ADD COLUMN body text;']);
    expect(await tables()).toEqual([]);
    await command();
    expect(await tables()).toEqual([{ relname: 'deployment_stamp' }, { relname: 'notes' }, { relname: 'schema_migrations' }]);
    lines.length = 0;
    await command('--dry-run');
    expect(lines).toEqual(['-- migrate_dry: nothing would run']);
    await expect(command('--dry')).rejects.toThrow(new RangeError('the only argument is --dry-run'));
  });
}

/** When they are refused, and that nothing runs then. */
export function refusalsSuite(place: Place): void {
  const scene = new Scene(place);
  afterEach(() => rm(scene.folder, { recursive: true }));

  it('refuse a file that sorts before one that ran', async () => {
    const ownerUrl = await scene.fresh('migrate_order');
    await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP });
    await scene.write('0000_late.sql', 'SELECT 1;');
    await expect(migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).rejects.toMatchObject({ code: 'MIGRATION_LATE', migration: '0000_late' });
  });

  it('refuse a text that changed after it ran, and run nothing', async () => {
    const ownerUrl = await scene.fresh('migrate_changed');
    await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP });
    await scene.write('0002_more.sql', 'ALTER TABLE notes ADD COLUMN body bytea;');
    await scene.write('0003_last.sql', 'DROP TABLE notes;');
    await expect(migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).rejects.toMatchObject({ code: 'MIGRATION_CHANGED', migration: '0002_more' });
    await expect(pendingMigrations({ ownerUrl, dir: scene.folder, stamp: STAMP })).rejects.toMatchObject({ code: 'MIGRATION_CHANGED', migration: '0002_more' });
    expect(await withClient(ownerUrl, async (client) => (await client.query('SELECT count(*)::int AS n FROM notes')).rows)).toEqual([{ n: 0 }]);
  });

  it('refuse a database that a later version has migrated', async () => {
    const ownerUrl = await scene.fresh('migrate_newer');
    await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP });
    await rm(join(scene.folder, '0002_more.sql'));
    await expect(migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN', migration: '0002_more' });
  });

  it('take up the digests of what a version ran that kept none', async () => {
    const ownerUrl = await scene.fresh('migrate_adopted');
    await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP });
    await withClient(ownerUrl, (client) => client.query('ALTER TABLE schema_migrations DROP COLUMN sha256'));
    expect(await pendingMigrations({ ownerUrl, dir: scene.folder, stamp: STAMP })).toEqual({ pending: [], isStamped: true });
    expect(await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).toEqual([]);
    await scene.write('0001_notes.sql', 'SELECT 1;');
    await expect(migrate({ ownerUrl, dir: scene.folder, stamp: STAMP })).rejects.toMatchObject({ code: 'MIGRATION_CHANGED', migration: '0001_notes' });
  });

  it.each([
    ['DATABASE_OF_ANOTHER_DEPLOYMENT', { ...STAMP, deployment: 'test-00000001' }],
    ['DATABASE_OF_ANOTHER_SERVICE', { ...STAMP, purpose: 'other' }],
  ])('refuse a database whose stamp says %s, and run nothing', async (code, stamp) => {
    const ownerUrl = await scene.fresh(`migrate_${stamp.deployment.at(-1)!}_${stamp.purpose}`);
    await migrate({ ownerUrl, dir: scene.folder, stamp: STAMP });
    await scene.write('0003_last.sql', 'DROP TABLE notes;');
    await expect(migrate({ ownerUrl, dir: scene.folder, stamp })).rejects.toMatchObject({ code });
    await expect(pendingMigrations({ ownerUrl, dir: scene.folder, stamp })).rejects.toMatchObject({ code });
    expect(await pendingMigrations({ ownerUrl, dir: scene.folder, stamp: STAMP })).toMatchObject({ pending: [{ name: '0003_last' }], isStamped: true });
  });
}

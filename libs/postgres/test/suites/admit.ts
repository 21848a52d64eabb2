import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { admitDatabase, ensureDatabase, ensureRole, migrate, withClient, type AdmitOptions } from '@countersign/postgres';

const STAMP = { deployment: 'test-00000000', purpose: 'notes' };
const OPTIONS = { ...STAMP, allowFsyncOff: true };

/** What a service asks of its database before it starts, on the server of the file that calls it, which runs without fsync. */
export function admitSuite({ dir, urlOf }: { readonly dir: () => string; readonly urlOf: (database: string, user?: string, password?: string) => string }): void {
  /** As a role of its own, new each time. */
  const admit = async (name: string, powers: readonly string[] = [], first?: string, options: AdmitOptions = OPTIONS): Promise<void> => {
    await withClient(urlOf('postgres'), (client) => ensureDatabase(client, 'admitted'));
    await withClient(urlOf('admitted'), async (client) => {
      await ensureRole(client, { name, password: 'x' });
      for (const sql of powers) await client.query(sql);
    });
    await withClient(urlOf('admitted', name, 'x'), async (client) => {
      if (first !== undefined) await client.query(first);
      await admitDatabase(client, options);
    });
  };
  /** The server's own answers but one: what comes before pg_catalog in the path is asked first. */
  const answering = (schema: string, setting: string, value: string): string[] => [
    `CREATE SCHEMA ${schema}`,
    `CREATE VIEW ${schema}.pg_settings AS SELECT name, CASE name WHEN '${setting}' THEN '${value}' ELSE setting END AS setting FROM pg_catalog.pg_settings`,
    `GRANT USAGE ON SCHEMA ${schema} TO PUBLIC`,
    `GRANT SELECT ON ${schema}.pg_settings TO PUBLIC`,
  ];

  it('not without a stamp', async () => {
    await expect(admit('unstamped')).rejects.toMatchObject({ code: 'DATABASE_NOT_STAMPED' });
  });

  it('with a role that owns nothing, once it is stamped', async () => {
    await migrate({ ownerUrl: urlOf('admitted'), dir: await mkdtemp(join(dir(), 'none-')), stamp: STAMP });
    await expect(admit('modest')).resolves.toBeUndefined();
  });

  it.each([
    ['DATABASE_OF_ANOTHER_DEPLOYMENT', { ...OPTIONS, deployment: 'test-00000001' }],
    ['DATABASE_OF_ANOTHER_SERVICE', { ...OPTIONS, purpose: 'other' }],
  ])('not when its stamp says %s', async (code, options) => {
    await expect(admit('strange', [], undefined, options)).rejects.toMatchObject({ code });
  });

  it('not with synchronous_commit off, whatever tests allow', async () => {
    await expect(admit('hasty', [], 'SET synchronous_commit = off')).rejects.toMatchObject({ code: 'NOT_DURABLE', message: expect.stringContaining('synchronous_commit=off') });
  });

  it('not with fsync off, unless a test says so', async () => {
    await expect(admit('unsynced', [], undefined, STAMP)).rejects.toMatchObject({ code: 'NOT_DURABLE', message: expect.stringContaining('fsync=off') });
  });

  it('not on a server that is too old, or has no checksums', async () => {
    await expect(admit('aged', answering('aged', 'server_version_num', '160014'), 'SET search_path = aged, pg_catalog')).rejects.toMatchObject({ code: 'DATABASE_TOO_OLD' });
    await expect(admit('unsummed', answering('unsummed', 'data_checksums', 'off'), 'SET search_path = unsummed, pg_catalog')).rejects.toMatchObject({ code: 'CHECKSUMS_OFF' });
  });

  it.each([
    ['a_superuser', 'ALTER ROLE a_superuser SUPERUSER', 'it is a superuser'],
    ['a_bypasser', 'ALTER ROLE a_bypasser BYPASSRLS', 'it passes by the security of rows'],
    ['a_copier', 'ALTER ROLE a_copier REPLICATION', 'it may copy the whole server'],
    ['a_maker', 'ALTER ROLE a_maker CREATEROLE', 'it may make roles or databases'],
    ['a_reader', 'GRANT pg_read_all_data TO a_reader', 'it has the rights of pg_read_all_data'],
    ['an_owner', 'ALTER TABLE pieces OWNER TO an_owner', 'it owns pieces'],
    ['a_member', 'GRANT an_owner TO a_member WITH INHERIT FALSE', 'it owns pieces'],
  ])('not with %s', async (role, power, why) => {
    await expect(admit(role, ['CREATE TABLE IF NOT EXISTS pieces ()', power])).rejects.toMatchObject({ code: 'ROLE_TOO_STRONG', message: expect.stringContaining(why) });
  });

  it('not with who owns the database', async () => {
    await expect(admit('a_lord', ['ALTER DATABASE admitted OWNER TO a_lord'])).rejects.toMatchObject({ code: 'ROLE_TOO_STRONG' });
  });
}

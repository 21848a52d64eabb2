import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { programEnv } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import type { WholeStand } from './whole-stand.js';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../../../..');
/** By owner: the program that migrates, and by variable the databases. */
const MIGRATIONS = {
  ledger: ['apps/ledger/dist/migrate-main.js', { LEDGER_OWNER_DATABASE_URL_FILE: 'ledger' }],
  keys: ['apps/keys/dist/migrate-main.js', { KEYS_OWNER_DATABASE_URL_FILE: 'keys', KEYS_SUBJECTS_OWNER_DATABASE_URL_FILE: 'keys_subjects' }],
  identity: ['apps/identity/dist/migrate-main.js', { IDENTITY_OWNER_DATABASE_URL_FILE: 'identity' }],
  retention: ['apps/retention/dist/migrate-main.js', { RETENTION_OWNER_DATABASE_URL_FILE: 'retention' }],
} as const;
type Service = keyof typeof MIGRATIONS;
const SERVICES = Object.keys(MIGRATIONS) as Service[];

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const ended = (program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> =>
  run(process.execPath, [program, ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, out: error.stdout, err: error.stderr }),
  );

/** The databases of a whole deployment, as its services find them. */
export function databaseSuite(open: () => WholeStand): void {
  const dirOf = (service: string): string => join(open().stack.stateDir, `${service}-service`);
  /** Runs a service's migrations as its owner. */
  const migrate = async (service: Service, ...args: string[]): Promise<Ended> => {
    const [program, databases] = MIGRATIONS[service];
    const password = (await readFile(join(dirOf(service), 'passwords', `${service}_owner`), 'utf8')).trim();
    const env = programEnv();
    for (const [variable, database] of Object.entries(databases)) {
      env[variable] = join(dirOf(service), `${database}-owner-url`);
      await writeFile(env[variable], Object.assign(new URL(open().stack.databaseUrl(database)), { username: `${service}_owner`, password }).href, { mode: 0o600 });
    }
    return ended(join(ROOT, program), args, env);
  };

  /** Another instance of a service, which ends while it starts. */
  const start = (service: Service, changes: Readonly<Record<string, string>>): Promise<Ended> =>
    ended(join(ROOT, `apps/${service}/dist/main.js`), [], { ...programEnv(), ...open().platform[service].options.env, ...changes });

  describe('databases of a deployment', () => {
    it('serve no other deployment', async () => {
      const starts = await Promise.all(SERVICES.map((service) => start(service, { COUNTERSIGN_DEPLOYMENT: 'test-00000001' })));
      expect(starts.map(({ code, err }) => [code, err])).toEqual(SERVICES.map((service) => [78, `${service}: DATABASE_OF_ANOTHER_DEPLOYMENT: the database is stamped with test-00000000, and COUNTERSIGN_DEPLOYMENT is test-00000001\n`]));
    });

    it('serve nothing but what they are for, and nobody who is more than a service', async () => {
      const { env } = open().platform.keys.options;
      const superuser = join(dirOf('retention'), 'admin-url-of-retention');
      await writeFile(superuser, open().stack.databaseUrl('retention'), { mode: 0o600 });
      const [exchanged, mighty] = await Promise.all([
        start('keys', { KEYS_DATABASE_URL_FILE: env['KEYS_SUBJECTS_DATABASE_URL_FILE']!, KEYS_SUBJECTS_DATABASE_URL_FILE: env['KEYS_DATABASE_URL_FILE']! }),
        start('retention', { RETENTION_DATABASE_URL_FILE: superuser }),
      ]);
      expect(exchanged).toMatchObject({ code: 78, err: 'keys: DATABASE_OF_ANOTHER_SERVICE: the database is that of keys_subjects, and keys was asked for\n' });
      expect(mighty).toMatchObject({ code: 78, err: expect.stringMatching(/^retention: ROLE_TOO_STRONG: /) });
    });

    it('have nothing left to migrate, as their owners see it', async () => {
      const runs = await Promise.all(SERVICES.map((service) => migrate(service, '--dry-run')));
      expect(runs.map(({ out }) => out)).toEqual(['ledger', 'keys', 'identity', 'retention'].map((name) => `-- ${name}: nothing would run\n${name === 'keys' ? '-- keys_subjects: nothing would run\n' : ''}`));
      expect(runs.map(({ code, err }) => [code, err])).toEqual(SERVICES.map(() => [0, '']));
    });

    it('are not migrated when what ran there had another text, nor by a mistyped dry run', async () => {
      const flip = (): Promise<unknown> => withClient(open().stack.databaseUrl('ledger'), (client) => client.query(`UPDATE schema_migrations SET sha256 = reverse(sha256) WHERE name = '0001_ledger'`));
      await flip();
      const [changed, mistyped] = await Promise.all([migrate('ledger'), migrate('identity', '--dry')]);
      await flip();
      expect(changed).toMatchObject({ code: 78, out: '', err: expect.stringMatching(/^ledger migrate: MIGRATION_CHANGED: migration 0001_ledger /) });
      expect(mistyped).toMatchObject({ code: 1, out: '', err: 'identity migrate: the only argument is --dry-run\n' });
    });
  });
}

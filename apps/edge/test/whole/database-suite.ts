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

/** The databases of a whole deployment, as its services find them. */
export function databaseSuite(open: () => WholeStand): void {
  const dirOf = (service: string): string => join(open().stack.stateDir, `${service}-service`);
  /** Runs a service's migrations as its owner. */
  const migrate = async (service: Service, ...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
    const [program, databases] = MIGRATIONS[service];
    const password = (await readFile(join(dirOf(service), 'passwords', `${service}_owner`), 'utf8')).trim();
    const env = programEnv();
    for (const [variable, database] of Object.entries(databases)) {
      env[variable] = join(dirOf(service), `${database}-owner-url`);
      await writeFile(env[variable], Object.assign(new URL(open().stack.databaseUrl(database)), { username: `${service}_owner`, password }).href, { mode: 0o600 });
    }
    return run(process.execPath, [join(ROOT, program), ...args], { env }).then(
      ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, out: error.stdout, err: error.stderr }),
    );
  };

  describe('databases of a deployment', () => {
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

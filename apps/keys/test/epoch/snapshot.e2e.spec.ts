import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '@countersign/postgres';
import { KeysFixture, until } from '../fixture/keys-fixture.js';

/**
 * Snapshots are copies of databases (`CREATE DATABASE … TEMPLATE`), put back under the old names. The epoch folder is in none.
 * The restore rule (docs/operations/runbooks/keys-restore.md): the main database from any snapshot, the subject store only from a copy of
 * the current epoch.
 */
const PLACE = { table: 'entries', column: 'personal', row: '1' };
const SUBJECTS = ['alice', 'bob', 'carol'];

let fixture: KeysFixture;
let texts: Map<string, string>;

beforeAll(async () => {
  fixture = await KeysFixture.make();
}, 60_000);
afterAll(() => fixture.close());

/** The service is stopped, and so is everybody who looks into the databases. */
async function alone(work: (run: (sql: string) => Promise<unknown>) => Promise<void>): Promise<void> {
  await fixture.stop();
  await withClient(fixture.stack.postgres.superuserUrl, async (client) => {
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('keys', 'keys_subjects')`);
    await work((sql) => client.query(sql));
  });
}

const snapshot = (name: string): Promise<void> =>
  alone(async (run) => {
    for (const database of ['keys', 'keys_subjects']) await run(`CREATE DATABASE ${database}_${name} TEMPLATE ${database}`);
  });

const restore = (name: string, databases: readonly string[]): Promise<void> =>
  alone(async (run) => {
    for (const database of databases) {
      await run(`ALTER DATABASE ${database} RENAME TO ${database}_lost_${Date.now()}`);
      await run(`CREATE DATABASE ${database} TEMPLATE ${database}_${name} OWNER keys_owner`);
      await run(`GRANT CONNECT ON DATABASE ${database} TO keys_runtime`);
    }
  });

async function readable(): Promise<Record<string, string>> {
  const keys = await fixture.as('ledger');
  const opened = await keys.subjects.openAll(SUBJECTS.map((subject) => ({ tenant: 'acme', context: PLACE, text: texts.get(subject)! })));
  return Object.fromEntries(SUBJECTS.map((subject, i) => [subject, 'bytes' in opened[i]! ? opened[i].bytes.toString() : opened[i]!.fault]));
}

async function erase(subject: string): Promise<void> {
  const retention = await fixture.as('retention');
  await retention.client.ask('destroy-subject', { tenant: 'acme', subject, reason: 'test' });
}

describe('an erased subject', () => {
  it('stays erased when the subject store of the same epoch is put back from before the erasure', async () => {
    await fixture.start();
    const ledger = await fixture.as('ledger');
    const keys = await ledger.subjects.ensure('acme', SUBJECTS);
    texts = new Map(SUBJECTS.map((subject) => [subject, keys.seal(subject, PLACE, Buffer.from(`about ${subject}`))]));
    await snapshot('before');
    await fixture.start();
    await erase('alice');
    // Both databases know nothing of the erasure any more; the journal beside the epoch keys does.
    await restore('before', ['keys', 'keys_subjects']);
    await fixture.start();
    expect(await readable()).toEqual({ alice: 'SUBJECT_ERASED', bob: 'about bob', carol: 'about carol' });
    const fresh = await fixture.as('ledger');
    expect((await fresh.subjects.ensure('acme', ['alice'])).faults.get('alice')).toBe('SUBJECT_ERASED');
  });

  it('cannot be read from any older snapshot once the epoch has rolled: the service refuses to start on it', async () => {
    await erase('bob');
    const operator = await fixture.as('operator');
    const { result } = await operator.client.ask('roll-epoch', {});
    await until('roll', async () => {
      const { epoch } = (await operator.client.ask('rewrap-status', {})).result;
      return epoch.current === result.epoch && epoch.remaining === 0;
    });
    await snapshot('rolled');
    await restore('before', ['keys', 'keys_subjects']);
    await expect(fixture.start()).rejects.toMatchObject({ code: 'EPOCH_KEY_MISSING' });
  });

  it('stays erased with the main database from the old snapshot and the subject store of this epoch; all others can be read', async () => {
    await restore('rolled', ['keys_subjects']);
    await fixture.start();
    expect(await readable()).toEqual({ alice: 'SUBJECT_ERASED', bob: 'SUBJECT_ERASED', carol: 'about carol' });
  });

  it('is nowhere in the snapshot: no key that is left opens its row', async () => {
    const { rows } = await withClient(fixture.stack.databaseUrl('keys_subjects_before'), (client) => client.query<{ epoch: number; wrapped: string }>('SELECT epoch, wrapped FROM subject_keys'));
    expect(rows.length).toBe(SUBJECTS.length);
    const { epochDir } = await fixture.config();
    const { readdir, readFile } = await import('node:fs/promises');
    const left = await Promise.all((await readdir(`${epochDir}/keys`)).map(async (name) => (JSON.parse(await readFile(`${epochDir}/keys/${name}`, 'utf8')) as { keyId: string }).keyId));
    // Each row names the key that it is under.
    expect(rows.filter(({ wrapped }) => left.includes(wrapped.split(':')[1]!))).toEqual([]);
  });
});

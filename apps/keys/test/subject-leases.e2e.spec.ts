import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ErasureJournal } from '../src/epoch/erasure-journal.js';
import { LEASES_A_BLOCK } from '../src/operations/lease-blocks.js';
import { REPLAY_BATCH } from '../src/operations/erasures.js';
import { KeysFixture } from './fixture/keys-fixture.js';

const SUBJECTS = Array.from({ length: 500 }, (_, i) => `person-${i}`);
const PLACE = { table: 'entries', column: 'personal', row: '1' };

let fixture: KeysFixture;
beforeAll(async () => {
  fixture = await KeysFixture.make();
}, 60_000);
afterAll(() => fixture.close());

/** Changes whenever a row is written: each row names the transaction that wrote it. */
async function written(): Promise<string> {
  const { rows } = await fixture.subjects.query<{ xids: string }>('SELECT sum(xmin::text::bigint) AS xids FROM subject_keys');
  return rows[0]!.xids;
}

async function leased(): Promise<{ min: number; max: number }> {
  const { rows } = await fixture.subjects.query<{ min: number; max: number }>('SELECT min(leases), max(leases) FROM subject_keys WHERE wrapped IS NOT NULL');
  return rows[0]!;
}

describe("leases of subjects' keys", () => {
  const ask = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await (await fixture.as('ledger')).client.ask('subject-keys', { tenant: 'acme', subjects: SUBJECTS, mode: 'encrypt' });
  };

  it('are counted in blocks ahead: a known subject costs no write until its block is used up', async () => {
    await fixture.start();
    await ask(1);
    expect(await leased()).toEqual({ min: LEASES_A_BLOCK, max: LEASES_A_BLOCK });
    const before = await written();
    await ask(LEASES_A_BLOCK - 1);
    expect(await written()).toBe(before);
    await ask(1);
    expect(await leased()).toEqual({ min: 2 * LEASES_A_BLOCK, max: 2 * LEASES_A_BLOCK });
    await fixture.stop();
  });

  it('are never fewer than were handed out: what a process had in stock is lost with it', async () => {
    const { max: counted } = await leased();
    await fixture.start();
    await ask(1);
    expect(await leased()).toEqual({ min: counted + LEASES_A_BLOCK, max: counted + LEASES_A_BLOCK });
  });

  it('asked for twice in one request are two', async () => {
    const keys = await fixture.as('ledger');
    const twice = Array.from({ length: 2 * LEASES_A_BLOCK }, () => 'twin');
    const { result } = await keys.client.ask('subject-keys', { tenant: 'acme', subjects: twice, mode: 'encrypt' });
    const granted = result.grants.filter((grant) => 'keyId' in grant).length;
    expect(granted).toBeGreaterThanOrEqual(LEASES_A_BLOCK);
    const { rows } = await fixture.subjects.query<{ leases: number }>('SELECT max(leases) AS leases FROM subject_keys WHERE key_id = $1', [(result.grants[0] as { keyId: string }).keyId]);
    expect(rows[0]!.leases).toBeGreaterThanOrEqual(granted);
  });

  it('for many askers of the same new subjects at once end in one key each', async () => {
    const askers = await Promise.all(Array.from({ length: 6 }, () => fixture.as('ledger')));
    const fresh = Array.from({ length: 300 }, (_, i) => `fresh-${i}`);
    const sealed = await Promise.all(askers.map(async (keys, at) => (await keys.subjects.ensure('acme', at % 2 === 0 ? fresh : fresh.toReversed())).seal('fresh-7', PLACE, Buffer.from('x'))));
    expect(new Set(sealed.map((text) => text.split(':')[1])).size).toBe(1);
    const opened = await (await fixture.as('ledger')).subjects.openAll(sealed.map((text) => ({ tenant: 'acme', context: PLACE, text })));
    expect(opened.filter((each) => 'bytes' in each).length).toBe(sealed.length);
    await fixture.stop();
  });
});

describe('the replay of erasures', () => {
  it('erases all that the journal names, in batches, each once, and leaves tombstones as they are', async () => {
    await fixture.start();
    const retention = await fixture.as('retention');
    await retention.client.ask('destroy-subject', { tenant: 'acme', subject: 'person-0', reason: 'test' });
    await fixture.stop();
    const { epochDir } = await fixture.config();
    const journal = new ErasureJournal(`${epochDir}/erasures`);
    const { rows: live } = await fixture.subjects.query<{ digest: Buffer }>('SELECT digest FROM subject_keys WHERE wrapped IS NOT NULL ORDER BY digest LIMIT 100');
    const strangers = Array.from({ length: REPLAY_BATCH + 100 }, (_, i) => Buffer.from(String(i).padStart(32, '0')));
    const lines = [...live.map(({ digest }) => digest), ...strangers, ...strangers.slice(0, 10)];
    for (const digest of lines) await journal.append(1, { tenant: 'acme', digest, at: new Date(1_700_000_000_000) });
    await fixture.start();
    const count = async (): Promise<string> => (await fixture.subjects.query<{ count: string }>('SELECT count(*) FROM subject_keys WHERE wrapped IS NULL')).rows[0]!.count;
    expect(await count()).toBe(String(1 + live.length + strangers.length));
    const before = await written();
    await fixture.stop();
    await fixture.start();
    expect(await written()).toBe(before);
    expect(await count()).toBe(String(1 + live.length + strangers.length));
  });
});

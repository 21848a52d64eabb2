import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { provisionKeys } from '../src/store/provision.js';
import { readFileSync } from 'node:fs';
import { TEST_DEPLOYMENT } from '@countersign/devstack';
import { eventStoreMigrationSql, eventStoreTracesSql } from '@countersign/event-store';
import { SealedFileRootKey } from '../src/root/sealed-file-root-key.js';
import { KeysFixture, until } from './fixture/keys-fixture.js';

let fixture: KeysFixture;
beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start();
}, 60_000);
afterAll(() => fixture.close());

describe('an erasure and those who make keys at the same moment', () => {
  it('end with a tombstone, whoever came first, and never with two keys', async () => {
    const retention = await fixture.as('retention');
    const askers = await Promise.all([fixture.as('ledger'), fixture.as('ledger'), fixture.as('ledger')]);
    const erased = Array.from({ length: 20 }, (_, i) => `race-${i}`);
    const work = erased.map(async (subject, i) => {
      const others = Array.from({ length: 10 }, (_, n) => `race-${(i + n) % erased.length}`);
      await Promise.all([...askers.map((keys) => keys.subjects.ensure('acme', others)), retention.client.ask('destroy-subject', { tenant: 'acme', subject, reason: 'race' })]);
    });
    await Promise.all(work);
    const fresh = await fixture.as('ledger');
    const { faults } = await fresh.subjects.ensure('acme', erased);
    expect([...faults.values()]).toEqual(erased.map(() => 'SUBJECT_ERASED'));
    const { rows } = await fixture.subjects.query<{ alive: string; all: string }>('SELECT count(wrapped) AS alive, count(*) AS all FROM subject_keys');
    expect(rows[0]).toEqual({ alive: '0', all: String(erased.length) });
    expect((await fixture.audit('keys.subject-key.destroyed')).length).toBe(erased.length);
  });

  it('cannot be undone in the database itself', async () => {
    const undo = fixture.subjects.query(`UPDATE subject_keys SET wrapped = 'x', wrapped_by = 'y', epoch = 1, erased_at = NULL`);
    await expect(undo).rejects.toMatchObject({ code: '42501' });
  });

  it('that a crash interrupted is carried out by the next start', async () => {
    const ledger = await fixture.as('ledger');
    const keys = await ledger.subjects.ensure('acme', ['interrupted']);
    const text = keys.seal('interrupted', { table: 't', column: 'c', row: '1' }, Buffer.from('x'));
    // The order is on record, and then the lights go out: what has been done so far is taken back.
    const retention = await fixture.as('retention');
    await fixture.main.query('CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION $m$out$m$; END $$; CREATE TRIGGER stop_here BEFORE UPDATE ON erasures FOR EACH ROW EXECUTE FUNCTION stop_here()');
    await expect(retention.client.ask('destroy-subject', { tenant: 'acme', subject: 'interrupted', reason: 'test' })).rejects.toMatchObject({ code: 'KEYS_INTERNAL' });
    await fixture.stop();
    await fixture.main.query('DROP TRIGGER stop_here ON erasures');
    await fixture.start();
    await until('receipt', async () => (await fixture.audit('keys.subject-key.destroyed')).some(({ data }) => data['subject'] === 'interrupted'));
    const fresh = await fixture.as('ledger');
    expect(await fresh.subjects.openAll([{ tenant: 'acme', context: { table: 't', column: 'c', row: '1' }, text }])).toEqual([{ fault: 'SUBJECT_ERASED' }]);
  });
});

describe('a tenant key that is rotated', () => {
  it('has everything brought under its new version, and the old one retired at a count of zero', async () => {
    const ledger = await fixture.as('ledger');
    const operator = await fixture.as('operator');
    const place = { table: 't', column: 'c', row: '1' };
    const field = await ledger.fields.seal('globex', 'ledger.quarantine', place, Buffer.from('field'));
    const subjects = Array.from({ length: 700 }, (_, i) => `s-${i}`);
    const keys = await ledger.subjects.ensure('globex', subjects);
    const texts = subjects.map((subject) => keys.seal(subject, place, Buffer.from(subject)));
    const { result: before } = await operator.client.ask('show', { tenant: 'globex', purpose: 'tenant' });
    await operator.client.ask('rotate', { tenant: 'globex', purpose: 'tenant' });
    await until('retired', async () => (await operator.client.ask('show', { tenant: 'globex', purpose: 'tenant' })).result.versions[0]!.state === 'destroyed');
    const { result: after } = await operator.client.ask('show', { tenant: 'globex', purpose: 'tenant' });
    expect(after.versions.map(({ state }) => state)).toEqual(['destroyed', 'active']);
    expect(after.versions[0]!.remaining).toBe(0);
    expect((await fixture.subjects.query('SELECT FROM subject_keys WHERE wrapped_by = $1', [before.versions[0]!.keyId])).rowCount).toBe(0);
    const fresh = await fixture.as('ledger');
    expect((await fresh.fields.open('globex', 'ledger.quarantine', place, field)).toString()).toBe('field');
    const opened = await fresh.subjects.openAll(texts.map((text) => ({ tenant: 'globex', context: place, text })));
    expect(opened.filter((each, i) => 'bytes' in each && each.bytes.toString() === subjects[i]).length).toBe(subjects.length);
    expect((await fixture.audit('keys.tenant-key.version-retired')).at(-1)?.data).toMatchObject({ tenant: 'globex', version: 1 });
  });
});

describe('a root key that is rotated', () => {
  it('takes the tenant keys with it, and everything below can be read', async () => {
    const config = await fixture.config();
    await fixture.stop();
    const silent = { info: () => undefined, warn: () => undefined };
    const root = await SealedFileRootKey.open({ dir: `${fixture.dir}/root`, mayCreate: false, now: Date.now, log: silent });
    await root.rotate();
    const { current } = await root.describe();
    await fixture.start(config);
    const under = async (): Promise<string[]> => (await fixture.main.query<{ wrapped_by: string }>("SELECT DISTINCT wrapped_by FROM key_versions WHERE purpose = 'tenant' AND wrapped IS NOT NULL")).rows.map((row) => row.wrapped_by);
    await until('rewrapped', async () => (await under()).join() === current);
    const ledger = await fixture.as('ledger');
    expect((await ledger.subjects.ensure('globex', ['s-1'])).faults.size).toBe(0);
  });
});

describe('the databases', () => {
  it('are provisioned again without harm, and the event store is that of libs/event-store', async () => {
    const passwords = { keys_owner: 'owner-password', keys_runtime: 'runtime-password', keys_reader: 'reader-password' };
    await expect(provisionKeys({ adminUrl: fixture.stack.postgres.superuserUrl, passwords, deployment: TEST_DEPLOYMENT })).resolves.toBeUndefined();
    const migration = (name: string) => readFileSync(new URL(`../migrations/keys/${name}.sql`, import.meta.url), 'utf8');
    expect(migration('0005_traces')).toContain(eventStoreTracesSql({ schema: 'public' }));
    expect(migration('0001_events')).toContain(eventStoreMigrationSql({ schema: 'public', source: 'keys', runtimeRole: 'keys_runtime' }));
  });
});

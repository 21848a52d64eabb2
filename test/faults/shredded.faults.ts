import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { RecordedEvent, SearchPage } from '@countersign/contracts';
import { CanaryScan } from '@countersign/devstack';
import pg from 'pg';
import { asked } from './harness/audit-keys.js';
import { countersign } from './harness/cli.js';
import { faultSuite, type FaultCase } from './harness/fault-suite.js';
import type { ServiceProcess } from './harness/service-process.js';
import type { Stand } from './harness/stand.js';
import { until } from './harness/waiting.js';

const TENANT = 'clinic';
const PEOPLE: Readonly<Record<string, string>> = { 'patient-1': 'Wilhelmina Ostrakova 71-3', 'patient-2': 'Bartholomew Fitch 44-8', 'patient-3': 'Ximena Dunlevy 10-5' };
const ERASED = 'patient-1';
const EVENTS_EACH = 3;
const LIMIT_MS = 60_000;
const DATABASES = ['ledger', 'keys', 'keys_subjects'];

let ledger: ServiceProcess;

/** Does as superuser, while nobody is connected to the databases. */
async function alone(stand: Stand, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: stand.databaseUrl('postgres') });
  await client.connect();
  try {
    await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY($1)', [DATABASES]);
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}

async function json<T>(stand: Stand, from: ServiceProcess, ...args: readonly string[]): Promise<T> {
  const { code, out, err } = await countersign(stand, from, ...args, '--json');
  expect({ args, code, err }).toEqual({ args, code: 0, err: expect.any(String) });
  return JSON.parse(out) as T;
}

type Known = Record<string, string | undefined>;

/** What a ledger says of each person: the name, or what stands in its place. By search, which must agree with reading one by one. */
async function whoIsWho(stand: Stand, from: ServiceProcess): Promise<Known> {
  const known: Known = {};
  const page = await json<SearchPage>(stand, from, 'search', '--tenant', TENANT, '--type', 'clinic.note', '--limit', '100');
  expect(page.events.length).toBe(EVENTS_EACH * Object.keys(PEOPLE).length);
  for (const { entry, parts } of page.events) {
    const { index } = entry as { index: number };
    const one = (await (await fetch(`${from.url}/ledgers/${TENANT}/entries/${index}`)).json()) as RecordedEvent;
    expect(one.parts).toEqual(parts);
    for (const part of parts.filter(({ name }) => name === 'personal')) {
      const { subject, state } = part;
      const said = state === 'present' ? (part.value as { name: string }).name : state;
      expect([undefined, said]).toContain(known[subject!]);
      known[subject!] = said;
    }
  }
  return known;
}

/** Search, export, and what verifies it with no service running: each only after the ledger has caught up. */
async function verifies(stand: Stand, from: ServiceProcess, file: string): Promise<void> {
  expect(await json(stand, from, 'verify', '--tenant', TENANT)).toMatchObject({ ok: true });
  const out = join(stand.folder, file);
  expect(await json(stand, from, 'export', '--tenant', TENANT, '--out', out)).toMatchObject({ ok: true });
  expect(await json(stand, from, 'verify', '--file', out, '--key', `${out}.pub`)).toMatchObject({ ok: true });
}

const others = Object.fromEntries(Object.entries(PEOPLE).filter(([subject]) => subject !== ERASED));
const afterErasure = { ...others, [ERASED]: 'erased' };

async function planted({ stand }: FaultCase): Promise<void> {
  for (const [subject, name] of Object.entries(PEOPLE)) {
    for (let n = 0; n < EVENTS_EACH; n += 1) {
      const args = ['emit', '--tenant', TENANT, '--type', 'clinic.note.written', '--actor', 'user:doctor-7', '--personal', `${subject}=${JSON.stringify({ name })}`];
      expect(await json(stand, ledger, ...args)).toMatchObject({ ok: true });
    }
  }
  await until('all are indexed', LIMIT_MS, async () => {
    const page = (await (await fetch(`${ledger.url}/ledgers/${TENANT}/events?type=clinic.note&limit=100`)).json()) as SearchPage;
    return page.events.length === EVENTS_EACH * Object.keys(PEOPLE).length;
  });
  expect(await whoIsWho(stand, ledger)).toEqual(PEOPLE);
  await verifies(stand, ledger, 'before.csx');
}

/** The whole site, as a backup at night would have it: three databases and the ledger's state; no epoch keys, by the rule. */
async function snapshot({ stand }: FaultCase): Promise<void> {
  await ledger.stop();
  await stand.keys!.process.stop();
  await alone(stand, DATABASES.map((name) => `CREATE DATABASE ${name}_before TEMPLATE ${name}`));
  cpSync(join(stand.folder, 'state'), join(stand.folder, 'state-restored'), { recursive: true });
  await stand.keys!.process.start();
  await ledger.start();
  expect(await whoIsWho(stand, ledger)).toEqual(PEOPLE);
}

async function shred({ stand }: FaultCase): Promise<void> {
  const receipt = join(stand.folder, 'erased.receipt');
  expect(await json(stand, ledger, 'shred', ERASED, '--tenant', TENANT, '--reason', 'request 17', '--yes', '--out', receipt)).toMatchObject({ ok: true, subject: ERASED });
  expect(await json(stand, ledger, 'verify', '--receipt', receipt, '--key', `${receipt}.pub`)).toMatchObject({ ok: true, subject: ERASED });
  await until('the ledger has dropped the key', LIMIT_MS, async () => JSON.stringify(await whoIsWho(stand, ledger)) !== JSON.stringify(PEOPLE));
  expect(await whoIsWho(stand, ledger)).toEqual(afterErasure);
  await verifies(stand, ledger, 'after.csx');
  // The receipt's event is in the system ledger, and that verifies too.
  await until('the destruction is recorded', LIMIT_MS, async () => {
    const { out } = await countersign(stand, ledger, 'search', '--tenant', 'system', '--type', 'keys.subject-key.destroyed', '--json');
    return (JSON.parse(out) as SearchPage).events.length === 1;
  });
  expect(await json(stand, ledger, 'verify', '--tenant', 'system')).toMatchObject({ ok: true });
}

async function roll({ stand }: FaultCase): Promise<void> {
  const { client } = await stand.keys!.as('operator');
  const { result } = await client.ask('roll-epoch', {});
  await until('the epoch has rolled', LIMIT_MS, async () => {
    const { epoch } = (await client.ask('rewrap-status', {})).result;
    return epoch.current === result.epoch && epoch.remaining === 0;
  });
  const left = (): number => readdirSync(join(stand.keys!.folder, 'epochs/keys')).length;
  await until('the old epoch key is destroyed', LIMIT_MS, () => left() === 1);
}

faultSuite(
  'a person is erased',
  async (stand) => {
    ledger = await stand.addLedger('one');
    await ledger.start();
  },
  {
    'everywhere: API, search, export, logs, and a snapshot from before; everybody else can be read, and everything verifies': async (context) => {
      const { stand } = context;
      await planted(context);
      await snapshot(context);
      await shred(context);
      await roll(context);
      await ledger.stop();
      await stand.keys!.process.stop();

      // All three from the snapshot: no epoch key is left for it, and the service does not start.
      const putBack = (name: string): string[] => [`ALTER DATABASE ${name} RENAME TO ${name}_lost`, `CREATE DATABASE ${name} TEMPLATE ${name}_before OWNER keys_owner`];
      await alone(stand, [...putBack('keys'), ...putBack('keys_subjects')]);
      stand.keys!.process.launch();
      await until('the key service refuses the snapshot', LIMIT_MS, () => stand.keys!.process.pid === undefined);
      expect(stand.keys!.process.logTail()).toContain('the key of epoch');
      expect(await openable(stand, 'keys_subjects_before')).toEqual({ rows: Object.keys(PEOPLE).length, underKeysThatAreLeft: 0 });

      // By the rule: the subjects' keys of this epoch, all else from the snapshot.
      await alone(stand, ['DROP DATABASE keys_subjects', 'ALTER DATABASE keys_subjects_lost RENAME TO keys_subjects']);
      await stand.keys!.process.start();
      const restored = await stand.addLedger('restored', { database: 'ledger_before', ownState: true });
      await restored.start();
      expect(await whoIsWho(stand, restored)).toEqual(afterErasure);
      await verifies(stand, restored, 'restored.csx');

      // Nowhere among all that is left: stores, snapshots, exports of before and after, logs.
      const scan = new CanaryScan({ erased: PEOPLE[ERASED]! });
      for (const folder of [stand.folder, stand.postgres.dataDir]) expect((await scan.findIn(folder)).found).toEqual([]);
    },
  },
  'service',
);

/** Rows of a snapshot of the subjects' keys, and how many lie under an epoch key that still exists. */
async function openable(stand: Stand, database: string): Promise<{ rows: number; underKeysThatAreLeft: number }> {
  const folder = join(stand.keys!.folder, 'epochs/keys');
  const left = readdirSync(folder).map((name) => (JSON.parse(readFileSync(join(folder, name), 'utf8')) as { keyId: string }).keyId);
  const { rows } = await asked(stand, database, (client) => client.query<{ wrapped: string }>('SELECT wrapped FROM subject_keys WHERE wrapped IS NOT NULL'));
  return { rows: rows.length, underKeysThatAreLeft: rows.filter(({ wrapped }) => left.includes(wrapped.split(':')[1]!)).length };
}

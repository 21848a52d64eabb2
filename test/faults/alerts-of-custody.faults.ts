import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import type { FetchedOrder } from '@countersign/contracts';
import { wanted } from '@countersign/devstack';
import pg from 'pg';
import { ALERT_LIMIT_MS, AlertBench, type Fault } from './harness/alert-bench.js';
import { Deployment, type Person } from './harness/deployment.js';
import { Noise } from './harness/noise.js';
import { until } from './harness/waiting.js';

const HOUR_MS = 3_600_000;
/** Until Prometheus has seen something. */
const SCRAPED_MS = 3_000;
const MIB = 1024 * 1024;
const VOLUME_MIB = 64;
/** Of everything else: the machine's own disk may be as full as an alert takes ill. */
const ROOM_MIB = 4_096;
/** Whoever runs the tests as root can give the ledger a volume of its own. */
const IS_ROOT = process.getuid?.() === 0;
const HERE = '/v1/retention';
/** Of things that a service reports over HTTP. */
const NOTES = 'system.note';
const OLD = '2020-01-01T00:00:00Z';
/** More than an order has room for. */
const HOLDS = 3;
const SUBJECTS_A_HOLD = 400;

let deployment: Deployment;
let bench: AlertBench;
let noise: Noise;
let officer: Person;
let room: string;
let volume: string;
let held: pg.Client;
let orders: FetchedOrder[] = [];
let holds: string[] = [];

const numbered = (sequence: number): Promise<unknown> => noise.emit('numbered', { producer: { id: 'p-1', sequence } });

async function sizeOf(ledger: string): Promise<number> {
  const client = await deployment.onDatabase('ledger');
  const { rows } = await client.query<{ size: string }>('SELECT tree_size AS size FROM heads JOIN ledgers USING (ledger_id) WHERE tenant = $1', [ledger]);
  await client.end();
  return Number(rows[0]?.size ?? 0);
}
async function recorded(of: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await noise.emit(of);
  await until(`${of} holds them`, ALERT_LIMIT_MS, async () => (await sizeOf(of)) >= count);
}

const ask = async (path: string, body: object, status = 200): Promise<Record<string, unknown>> => wanted(await deployment.admin.browser.post(`${HERE}/${path}`, body), status).json;
/** Things of a type go at once, as two people want it. */
async function dispose(rule: object): Promise<void> {
  const { proposalId } = wanted(await officer.browser.post(`${HERE}/policies`, { rule: { ...rule, dispose: { after: { days: 0 }, action: 'delete' } }, reason: 'a test' }), 200).json as Record<string, string>;
  wanted(await deployment.admin.browser.post(`${HERE}/proposals/${proposalId!}/approve`), 204);
}
async function confirm(): Promise<void> {
  orders = (await ask(`types/${NOTES}/orders`, {}))['orders'] as FetchedOrder[];
  for (const { orderId, resources } of orders) wanted(await deployment.admin.browser.post(`${HERE}/types/${NOTES}/orders/${orderId}/confirm`, { gone: resources }), 200);
}
const hold = async (n: number): Promise<string> => (await ask('holds', { matter: 'all of them', scope: { subjects: Array.from({ length: SUBJECTS_A_HOLD }, (_, k) => `customer-${String(n)}-${String(k)}`) }, reason: 'a test' }, 201))['holdId'] as string;

function mount(folder: string, mib: number, mode: string): void {
  if (IS_ROOT) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(mib)}m,mode=${mode}`, 'countersign-test', folder]);
}
function unmount(folder: string): void {
  if (IS_ROOT) execFileSync('umount', ['--lazy', folder]);
}
/** So much of the volume is full. */
const fill = (share: number): void => writeFileSync(join(volume, 'filling'), Buffer.alloc(Math.round(VOLUME_MIB * MIB * share)));

const FAULTS: readonly Fault[] = [
  {
    what: 'a ledger is new, and who knows what was signed for it is away',
    alerts: { CountersignVerdictAbsent: { times: 300 }, CountersignFullVerificationNever: { times: 10_000 } },
    happens: async () => {
      await deployment.platform.keys.kill();
      await noise.emit('unread');
    },
    mend: () => deployment.platform.keys.start(),
  },
  {
    what: 'a producer that numbers its events was heard of two hours ago',
    alerts: { CountersignProducerSilent: { times: 300 } },
    happens: async () => {
      await numbered(1);
      await until('the ledger knows it', ALERT_LIMIT_MS, async () => {
        const client = await deployment.onDatabase('ledger');
        const { rowCount } = await client.query("UPDATE producers SET last_seen_at = last_seen_at - interval '2 hours' WHERE producer_id = 'p-1'");
        await client.end();
        return rowCount === 1;
      });
    },
    mend: () => numbered(2),
  },
  {
    what: 'identity is no longer let read what waits for receipts',
    alerts: { CountersignReceiptsUnknown: { times: 60 } },
    happens: () => deployment.sql('identity', 'REVOKE SELECT ON event_relay FROM identity_runtime'),
    mend: () => deployment.sql('identity', 'GRANT SELECT ON event_relay TO identity_runtime'),
  },
  {
    what: 'retention is no longer let strike out what it has told of an incident',
    alerts: { CountersignIncidentNewsWaiting: { times: 300 } },
    happens: async () => {
      await deployment.sql('retention', 'REVOKE DELETE ON incident_news FROM retention_runtime');
      const facts = { kind: 'unauthorised-access', severity: 'low', summary: 'found by a test', detectedAt: new Date(Date.now() - HOUR_MS).toISOString(), tenants: ['home'] };
      wanted(await deployment.admin.browser.post('/v1/incidents', facts), 201);
    },
    mend: () => deployment.sql('retention', 'GRANT DELETE ON incident_news TO retention_runtime'),
  },
  {
    what: 'a service does not fetch its orders',
    alerts: { CountersignOrdersUnfetched: { times: 600, ages: 20_000 } },
    happens: async () => {
      wanted(await deployment.admin.browser.post(`${HERE}/types`, { type: NOTES, service: 'crm', clock: 'created', actions: ['delete'], classes: ['content'] }), 200);
      wanted(await deployment.admin.browser.post(`${HERE}/types/${NOTES}/resources`, { resources: [{ id: 'n1', class: 'content', subject: 'customer-1', created: OLD }], removed: [] }), 200);
      await dispose({ name: 'Notes', type: NOTES });
    },
    mend: confirm,
  },
  {
    what: 'somebody locks what the ledger is to destroy',
    alerts: { CountersignDeletionStuck: { times: 300, ages: 100 } },
    happens: async () => {
      await recorded('acme', 20);
      held = await deployment.onDatabase('ledger', 'BEGIN', 'LOCK TABLE entries IN SHARE ROW EXCLUSIVE MODE');
      await dispose({ name: 'Audit', type: 'audit-parts', class: 'operational' });
    },
    mend: () => held.end(),
  },
  {
    what: 'more subjects are held than an order names',
    alerts: { CountersignLedgerOverheld: { times: 600 } },
    happens: async () => {
      holds = [];
      for (let n = 0; n < HOLDS; n += 1) holds.push(await hold(n));
      bench.keepOn(() => noise.emit('acme'), 1_000);
    },
    mend: async () => {
      for (const holdId of holds) {
        wanted(await officer.browser.post(`${HERE}/holds/${holdId}/ask-release`, { reason: 'a test' }), 204);
        await ask(`holds/${holdId}/release`, {}, 204);
      }
    },
  },
  {
    what: 'identity is killed while retention asks what is due',
    alerts: { CountersignHolderFails: { times: 24 } },
    happens: () => deployment.platform.identity.kill(),
    mend: () => deployment.platform.identity.start(),
    limitMs: 280_000,
  },
  {
    what: 'a volume is being filled',
    alerts: { CountersignDiskFills: { times: 600 } },
    happens: async () => {
      fill(0.65);
      bench.keepOn(async () => appendFileSync(join(volume, 'filling'), Buffer.alloc(MIB / 16)));
    },
    mend: async () => rmSync(join(volume, 'filling')),
    isThere: () => IS_ROOT,
  },
  {
    what: 'a volume is nearly full',
    alerts: { CountersignDiskNearlyFull: { times: 60 } },
    happens: async () => fill(0.96),
    mend: async () => rmSync(join(volume, 'filling')),
    isThere: () => IS_ROOT,
  },
  {
    what: 'an older database is put under a ledger that is running',
    alerts: { CountersignLedgerShrank: { times: 3_000 } },
    happens: async () => {
      await recorded('shrunk', 3);
      const of = "WHERE ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = 'shrunk')";
      const older = await deployment.onDatabase('ledger', 'SET session_replication_role = replica', `CREATE TEMP TABLE older AS SELECT * FROM heads ${of}`);
      await recorded('shrunk', 8);
      await sleep(SCRAPED_MS);
      await older.query(`BEGIN; DELETE FROM entries ${of} AND leaf_index >= 3; DELETE FROM heads ${of}; INSERT INTO heads SELECT * FROM older; COMMIT`);
      await older.end();
      await noise.emit('shrunk');
    },
    // What is gone is gone: it is told for as long as somebody remembers the size. Nothing is appended there any more, and nothing destroyed: this is the last.
    mend: () => Promise.resolve(),
  },
];

describe('each alert of what is kept, and of what is to go', () => {
  beforeAll(async () => {
    room = mkdtempSync(join(tmpdir(), 'countersign-room-'));
    mount(room, ROOM_MIB, '711');
    process.env['TMPDIR'] = room;
    deployment = await Deployment.open({ EDGE_LIMITS_FACTOR: '1000' }, async ({ stateDir }) => {
      volume = join(stateDir, 'volume');
      mkdirSync(volume);
      mount(volume, VOLUME_MIB, '700');
      return { ledger: { LEDGER_STATE_DIR: volume, LEDGER_TAIL_VERIFY_SECONDS: '1', LEDGER_STRETCH_MAX_AGE_SECONDS: '0' }, retention: { RETENTION_SWEEP_SECONDS: '1', RETENTION_LOOK_SECONDS: '1', RETENTION_ANNOUNCE_DAYS: '0' } };
    });
    noise = await Noise.open(deployment.stack.nats);
    officer = await deployment.person('officer');
    await officer.account.enrol(officer.browser);
    wanted(await deployment.admin.browser.post(`/v1/admin/users/${officer.account.userId}/roles`, { role: 'privacy-officer' }), 204);
    // A pass of the whole is a day away.
    for (const ledger of ['system', 'home']) await deployment.verify(ledger);
    bench = await AlertBench.open(deployment, FAULTS);
  }, 240_000);
  afterAll(async () => {
    await bench.close();
    await noise.close();
    await deployment.platform.stop();
    unmount(volume);
    await deployment.close();
    delete process.env['TMPDIR'];
    unmount(room);
    rmSync(room, { recursive: true, force: true });
  }, 60_000);

  it.each(FAULTS)('$what', (fault) => bench.show(fault), ALERT_LIMIT_MS * 8);
});

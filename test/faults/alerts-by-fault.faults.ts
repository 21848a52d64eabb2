import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ALERT_GROUPS } from '@countersign/alerts';
import { archiveKey, EMPTY_CATALOGUE, writeCatalogue } from '@countersign/backup';
import { wanted } from '@countersign/devstack';
import { FolderStore } from '@countersign/files';
import pg from 'pg';
import { ALERT_LIMIT_MS, AlertBench, type Fault } from './harness/alert-bench.js';
import { Backups } from './harness/backup-server.js';
import { Deployment, type Person } from './harness/deployment.js';
import { Noise } from './harness/noise.js';
import type { Sooner } from './harness/sooner.js';
import { until } from './harness/waiting.js';

const HOUR_MS = 3_600_000;

/** Whatever an alert waits for. */
const AT_ONCE: Sooner = { times: 1_000_000 };
const REST_MS = 20_000;
const NOT_DONE_YET = new Set(['CountersignBackupLate', 'CountersignFullVerificationNever']);
/** Some seconds tell nothing of four days. */
const BY_TREND = 'CountersignDiskFills';

let deployment: Deployment;
let bench: AlertBench;
let noise: Noise;
let bob: Person;
let backups: Backups;

const signIn = (): Promise<unknown> => deployment.signIn(bob.account);

async function incidentKnownSince(hours: number): Promise<string> {
  const facts = { kind: 'unauthorised-access', severity: 'high', summary: 'found by a test', awareAt: new Date(Date.now() - hours * HOUR_MS).toISOString(), assessment: { significant: 'yes', personalData: 'no' } };
  return (wanted(await deployment.admin.browser.post('/v1/incidents', facts), 201).json as unknown as { incident: { incidentId: string } }).incident.incidentId;
}
const notSignificant = async (incidentId: string): Promise<unknown> => wanted(await deployment.admin.browser.post(`/v1/incidents/${incidentId}/assess`, { assessment: { significant: 'no' }, reason: 'a test' }), 200);

/** By letter, as somebody on the staff enters it. */
async function askedFor(daysAgo: number): Promise<string> {
  const asked = { kind: 'correct', tenant: 'home', subject: bob.account.userId, receivedAt: new Date(Date.now() - daysAgo * 24 * HOUR_MS).toISOString(), details: 'another name' };
  return (wanted(await deployment.admin.browser.post('/v1/privacy/requests', asked), 201).json as { requestId: string }).requestId;
}
const refused = async (requestId: string): Promise<unknown> => wanted(await deployment.admin.browser.post(`/v1/privacy/requests/${requestId}/refuse`, { reason: 'a test' }), 204);

let held: pg.Client;
let openId: string;

const FAULTS: readonly Fault[] = [
  {
    what: 'backups are taken, and nobody restores one',
    alerts: { CountersignRestoreDrillLate: { times: 4_000 } },
    happens: () => backups.serve(2),
    mend: () => backups.told(0, 'drill', '--catalogued'),
  },
  {
    what: 'the key service is killed while events come',
    alerts: { CountersignServiceDown: { times: 40 }, CountersignInstanceDown: { times: 100 }, CountersignKeysAway: { times: 40 }, CountersignCheckpointLate: { times: 15 } },
    happens: async () => {
      await deployment.platform.keys.kill();
      bench.keepOn(() => noise.emit('acme'));
    },
    mend: () => deployment.platform.keys.start(),
  },
  {
    what: 'the ledger is killed while people sign in and look',
    alerts: { CountersignEventsUnreceipted: { times: 100 }, CountersignEdgeErrorBudget1h: { times: 7_200 }, CountersignEdgeErrorBudget6h: { times: 7_200 }, CountersignEdgeErrorBudget1d: { times: 7_200 }, CountersignEdgeErrorBudget3d: { times: 7_200 } },
    happens: async () => {
      await deployment.platform.ledger.kill();
      bench.keepOn(signIn, 1_000);
      bench.keepOn(() => deployment.admin.browser.get('/v1/ledgers/system/events'));
    },
    mend: async () => {
      await deployment.platform.ledger.start();
      bench.keepOn(() => deployment.admin.browser.get('/v1/account'));
    },
  },
  {
    what: 'an event is sent that breaks the rules',
    alerts: { CountersignEventsRefused: { times: 60 } },
    happens: () => noise.emit('acme', { severity: 'deafening' }),
    mend: () => Promise.resolve(),
  },
  {
    what: 'an entry is changed in the database',
    alerts: { CountersignLedgerBroken: {}, CountersignVerificationLate: { times: 60, ages: 3 }, CountersignVerificationStopped: { ages: 20 } },
    happens: async () => {
      await noise.emit('acme');
      await deployment.verify('acme');
      await alter('"severity":"', '"severitY":"');
      await deployment.verify('acme');
      bench.keepOn(() => noise.emit('acme'));
    },
    mend: async () => {
      await alter('"severitY":"', '"severity":"');
      await deployment.verify('acme');
    },
  },
  {
    what: 'Redis is killed',
    alerts: { CountersignRedisAway: { times: 40 } },
    happens: async () => {
      await deployment.redis!.kill();
      bench.keepOn(signIn);
    },
    mend: async () => {
      await deployment.redis!.start();
      bench.keepOn(signIn);
    },
    isThere: () => deployment.redis !== undefined,
  },
  {
    what: 'somebody locks a table of identity, and everybody waits',
    alerts: { CountersignDatabaseConnectionsShort: { times: 40 } },
    happens: async () => {
      held = await deployment.onDatabase('identity', 'BEGIN', 'LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
      for (let one = 0; one < 40; one += 1) bench.keepOn(signIn);
    },
    mend: () => held.end(),
  },
  {
    what: 'identity stands still',
    alerts: { CountersignBusTimeouts: { times: 20 } },
    happens: async () => {
      deployment.platform.identity.signal('SIGSTOP');
      for (let one = 0; one < 10; one += 1) bench.keepOn(signIn);
    },
    mend: async () => deployment.platform.identity.signal('SIGCONT'),
  },
  {
    what: 'the ledger stands still, and the sweep waits for it',
    alerts: { CountersignSweepLate: { times: 60, ages: 1_500 } },
    happens: async () => deployment.platform.ledger.signal('SIGSTOP'),
    mend: async () => deployment.platform.ledger.signal('SIGCONT'),
  },
  {
    what: 'what takes backups is killed',
    alerts: { CountersignBackupLate: { times: 600 } },
    happens: () => backups.killServing(),
    mend: () => backups.serve(2),
  },
  {
    what: 'nothing can be written where the archive of backups was',
    alerts: { CountersignLogArchiveLate: { times: 60, ages: 20 } },
    happens: async () => {
      renameSync(backups.archive, `${backups.archive}-away`);
      writeFileSync(backups.archive, '');
    },
    mend: async () => {
      rmSync(backups.archive);
      renameSync(`${backups.archive}-away`, backups.archive);
    },
  },
  {
    what: 'nobody answers somebody who asked for something four weeks ago',
    alerts: { CountersignSubjectRequestDue: { times: 120 } },
    happens: async () => (openId = await askedFor(29)),
    mend: () => refused(openId),
  },
  {
    what: 'nobody has answered in time',
    alerts: { CountersignSubjectRequestOverdue: {} },
    happens: async () => (openId = await askedFor(40)),
    mend: () => refused(openId),
  },
  {
    what: 'nobody reports an incident that is known since half a day',
    alerts: { CountersignIncidentStageDue: { times: 300 } },
    happens: async () => (openId = await incidentKnownSince(13)),
    mend: () => notSignificant(openId),
  },
  {
    what: 'nobody has reported an incident in time',
    alerts: { CountersignIncidentStageLate: {} },
    happens: async () => (openId = await incidentKnownSince(25)),
    mend: () => notSignificant(openId),
  },
];

/** As superuser, past every trigger. */
async function alter(from: string, to: string): Promise<void> {
  const client = await deployment.onDatabase('ledger', 'SET session_replication_role = replica');
  const { rowCount } = await client.query("UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), $1, $2), 'UTF8') WHERE leaf_index = 0 AND ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = 'acme')", [from, to]);
  await client.end();
  expect(rowCount).toBe(1);
}

describe('each alert, by a fault that it is for', () => {
  beforeAll(async () => {
    deployment = await Deployment.open({ EDGE_LIMITS_FACTOR: '1000' }, async () => ({ retention: { RETENTION_SWEEP_SECONDS: '1', RETENTION_LOOK_SECONDS: '1' }, ledger: { LEDGER_TAIL_VERIFY_SECONDS: '1' } }));
    const { platform, stack } = deployment;
    noise = await Noise.open(deployment.stack.nats);
    bob = await deployment.person('bob');
    backups = new Backups({ folder: deployment.folder, nats: stack.nats, databaseUrl: (name) => stack.databaseUrl(name), keys: { publicKeyFile: stack.nats.publicKeys.keys } }, platform.ledger);
    // Without an operator of keys, who would wrap it.
    const secret = randomBytes(32);
    writeFileSync(backups.keyFile, secret.toString('base64'), { mode: 0o600 });
    mkdirSync(backups.archive);
    await writeCatalogue([new FolderStore(backups.archive)], archiveKey(secret), EMPTY_CATALOGUE);
    bench = await AlertBench.open(deployment, FAULTS, { 'countersign-backup': [`127.0.0.1:${String(await backups.port())}`] });
  }, 240_000);
  afterAll(async () => {
    await bench.close();
    await backups.stopServing();
    await noise.close();
    await deployment.close();
  }, 60_000);

  it('say nothing at rest, not even for an instant, but what an installation of some minutes has not done yet', async () => {
    if (bench.monitoring === undefined) return;
    const all = new Map(ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ name }) => [name, AT_ONCE] as const)).filter(([name]) => name !== BY_TREND));
    const resting = await AlertBench.openWith(deployment, all);
    const other = resting.monitoring!;
    await until('the watchdog is heard', ALERT_LIMIT_MS, () => other.firing().includes('CountersignWatchdog'));
    await sleep(REST_MS);
    const told = other.firing().filter((name) => !NOT_DONE_YET.has(name));
    await resting.close();
    expect(told).toEqual(['CountersignWatchdog']);
  }, ALERT_LIMIT_MS * 2);

  it.each(FAULTS)('$what', (fault) => bench.show(fault), ALERT_LIMIT_MS * 8);
});

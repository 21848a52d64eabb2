import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { wanted } from '@countersign/devstack';
import pg from 'pg';
import { Deployment } from './harness/deployment.js';
import { Monitoring } from './harness/monitoring.js';
import { until } from './harness/waiting.js';

const LIMIT_MS = 120_000;
const RULES = join(import.meta.dirname, '..', '..', 'deploy', 'observability', 'rules', '*.yml');
/** A stand has no mail server, and nobody has verified a whole ledger of his before the first cycle: nothing of it alerts within minutes. */
const QUIET_MS = 15_000;

interface Incident {
  readonly incidentId: string;
  readonly kind: string;
  readonly state: string;
}

let deployment: Deployment;
let monitoring: Monitoring | undefined;

async function verdictOf(tenant: string): Promise<boolean> {
  const answer = await fetch(`${deployment.platform.ledger.url}/ledgers/${tenant}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}', signal: AbortSignal.timeout(LIMIT_MS) });
  return ((await answer.json()) as { verdict: string }).verdict === 'intact';
}

/** As superuser, past every trigger: the first entry of a ledger tells another severity. */
async function alter(tenant: string, from: string, to: string): Promise<void> {
  const client = new pg.Client({ connectionString: deployment.stack.databaseUrl('ledger') });
  await client.connect();
  try {
    await client.query('SET session_replication_role = replica');
    const { rowCount } = await client.query(
      "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), $2, $3), 'UTF8') WHERE leaf_index = 0 AND ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = $1)",
      [tenant, from, to],
    );
    expect(rowCount).toBe(1);
  } finally {
    await client.end();
  }
}

const incidents = async (): Promise<readonly Incident[]> => (wanted(await deployment.admin.browser.get('/v1/incidents'), 200).json as unknown as { incidents: Incident[] }).incidents;

describe('alerts, through a real Prometheus and Alertmanager', () => {
  beforeAll(async () => {
    deployment = await Deployment.open();
    const { platform, admin, edges } = deployment;
    const { key } = wanted(await admin.browser.post('/v1/account/api-keys', { name: 'alertmanager', grants: [{ permission: 'incident.report', scope: 'global' }] }), 201).json as unknown as { key: string };
    const hostOf = (url: string): string => new URL(url).host;
    monitoring = await Monitoring.start({
      rules: RULES,
      targets: {
        'countersign-ledger': [hostOf(platform.ledger.url)],
        'countersign-keys': [hostOf(platform.keys.url)],
        'countersign-identity': [hostOf(platform.identity.url)],
        'countersign-retention': [hostOf(platform.retention.url)],
        'countersign-edge': edges.map(({ process }) => hostOf(process.url)),
      },
      incidents: { url: `${edges[0].origin}/v1/incidents/alerts`, apiKey: key, ca: platform.ca },
    });
  }, 240_000);
  afterAll(async () => {
    await monitoring?.stop();
    await deployment.close();
  }, 60_000);

  it('say nothing while nothing is wrong, but that they work', async () => {
    if (monitoring === undefined) return;
    await until('the watchdog is heard', LIMIT_MS, () => monitoring!.told('firing').includes('CountersignWatchdog'));
    const quietUntil = performance.now() + QUIET_MS;
    await until('it was quiet for some time', LIMIT_MS, () => performance.now() > quietUntil);
    expect(monitoring.told('firing')).toEqual(['CountersignWatchdog']);
  }, LIMIT_MS * 2);

  it('tell once that a ledger is broken, open one incident, and tell when it is mended; the incident stays open', async () => {
    if (monitoring === undefined) return;
    expect([await verdictOf('system'), await incidents()]).toEqual([true, []]);
    await alter('system', '"severity":"', '"severitY":"');
    expect(await verdictOf('system')).toBe(false);
    await until('whoever is on call is told', LIMIT_MS, () => monitoring!.told('firing').includes('CountersignLedgerBroken'));
    await until('there is an incident', LIMIT_MS, async () => (await incidents()).length > 0);
    const [incident] = await incidents();
    expect(incident).toMatchObject({ kind: 'ledger-integrity', state: 'open' });
    await alter('system', '"severitY":"', '"severity":"');
    expect(await verdictOf('system')).toBe(true);
    await until('whoever is on call is told that it is over', LIMIT_MS, () => monitoring!.told('resolved').includes('CountersignLedgerBroken'));
    expect(monitoring.told('firing').filter((name) => name === 'CountersignLedgerBroken')).toHaveLength(1);
    expect(await incidents()).toEqual([expect.objectContaining({ incidentId: incident!.incidentId, state: 'open' })]);
  }, LIMIT_MS * 3);

  it('tell once that a service is gone, and when it is back', async () => {
    if (monitoring === undefined) return;
    await deployment.platform.keys.kill();
    await until('whoever is on call is told', LIMIT_MS * 2, () => monitoring!.told('firing').includes('CountersignServiceDown'));
    expect(monitoring.delivered.filter(({ labels }) => labels['alertname'] === 'CountersignServiceDown').map(({ status, labels }) => [status, labels['job']])).toEqual([['firing', 'countersign-keys']]);
    await until('the ledger has noticed too', LIMIT_MS, () => monitoring!.told('firing').includes('CountersignKeysAway'));
    await deployment.platform.keys.start();
    await until('whoever is on call is told that both are over', LIMIT_MS, () => ['CountersignServiceDown', 'CountersignKeysAway'].every((name) => monitoring!.told('resolved').includes(name)));
    expect(monitoring.told('firing').filter((name) => name === 'CountersignServiceDown')).toHaveLength(1);
  }, LIMIT_MS * 5);

  it('tell that the bus is away, and that all have come back to it', async () => {
    if (monitoring === undefined) return;
    await deployment.stack.nats.kill('SIGKILL');
    const away = (status: string): ReadonlySet<string | undefined> => new Set(monitoring!.delivered.filter((alert) => alert.labels['alertname'] === 'CountersignBusAway' && alert.status === status).map(({ labels }) => labels['job']));
    const everybody = ['edge', 'identity', 'keys', 'ledger', 'retention'].map((service) => `countersign-${service}`);
    await until('whoever is on call is told of each service', LIMIT_MS * 2, () => everybody.every((job) => away('firing').has(job)));
    await deployment.restartNats();
    await until('whoever is on call is told that it is over', LIMIT_MS * 2, () => everybody.every((job) => away('resolved').has(job)));
    expect(monitoring.told('firing')).not.toContain('CountersignBusForbidden');
  }, LIMIT_MS * 5);
});

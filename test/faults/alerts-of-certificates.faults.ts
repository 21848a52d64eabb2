import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type NatsServer } from '@countersign/devstack';
import { ROOT } from '../folder-of.js';
import { AlertBench, type Fault } from './harness/alert-bench.js';
import { countersignWith } from './harness/cli.js';
import { Deployment } from './harness/deployment.js';
import type { ServiceProcess } from './harness/service-process.js';
import { Stand } from './harness/stand.js';
import { until } from './harness/waiting.js';

const DAY_MS = 86_400_000;
const CONNECTED_MS = 30_000;

let deployment: Deployment;
let bench: AlertBench;
/** A ledger on a bus that asks for certificates, beside the deployment that its alerts are reported to. */
let stand: Stand;
let nats: NatsServer;
let ledger: ServiceProcess;
let secrets: string;

const tlsOf = (user: string): string => join(secrets, 'tls', user);

/** As somebody has done it so many days ago, by that day's clock. */
async function prepare(daysAgo: number): Promise<void> {
  const clock = encodeURIComponent(`const { now } = Date; Date.now = () => now() - ${String(daysAgo * DAY_MS)};`);
  const { code, err } = await countersignWith(stand.folder, { NODE_OPTIONS: `--import=data:text/javascript,${clock}` }, 'deployment', 'prepare', '--out', secrets, '--bus-config', join(ROOT, 'deploy/nats/one-node.conf'), '--keep-owner', '--nats-host', 'localhost');
  expect({ code, err }).toEqual({ code: 0, err: '' });
}

const startBus = (port?: number): Promise<NatsServer> => startNats({ dir: join(stand.folder, 'tls-nats'), tlsDir: tlsOf('nats'), ...(port === undefined ? {} : { port }) });

/** Bus and ledger start with what lies there now, and reach each other by it. */
async function startAgain(): Promise<void> {
  const { port } = nats;
  await ledger.stop();
  await nats.stop();
  nats = await startBus(port);
  await ledger.start();
  await until('the ledger is on the bus', CONNECTED_MS, async () => (await (await fetch(`${ledger.url}/metrics`)).text()).includes('countersign_bus_connected 1'));
}

/** Certificates were issued so many days ago, and nobody has looked since. */
async function forgottenFor(days: number): Promise<void> {
  for (const user of ['nats', 'nats-ledger']) rmSync(tlsOf(user), { recursive: true });
  await prepare(days);
  await startAgain();
}

const renew = (): Promise<void> => prepare(0);

const FAULTS: readonly Fault[] = [
  {
    what: 'certificates are 355 days old, and nobody has run "prepare" again',
    alerts: { CountersignBusCertificateEndsSoon: { times: 600 } },
    happens: () => forgottenFor(355),
    mend: renew,
  },
  {
    what: 'they are 364 days old',
    alerts: { CountersignBusCertificateEnds: { times: 60 } },
    happens: () => forgottenFor(364),
    mend: renew,
  },
];

describe('each alert of certificates of the bus', () => {
  beforeAll(async () => {
    [deployment, stand] = await Promise.all([Deployment.open(), Stand.open('sealed-file')]);
    secrets = join(stand.folder, 'secrets-of-deployment');
    await prepare(0);
    nats = await startBus();
    ledger = await stand.addLedger('tls', { nats: { url: nats.url, seedFile: nats.users.ledger, tlsDir: tlsOf('nats-ledger') } });
    await ledger.start();
    bench = await AlertBench.open(deployment, FAULTS, { 'countersign-ledger-tls': [new URL(ledger.url).host] });
  }, 240_000);
  afterAll(async () => {
    await bench?.close();
    await ledger?.stop();
    await nats?.stop();
    await stand?.close({ keepFolder: false });
    await deployment?.close();
  }, 120_000);

  it.each(FAULTS)('$what', (fault) => bench.show(fault), 300_000);
});

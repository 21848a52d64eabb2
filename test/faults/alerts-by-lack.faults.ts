import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectProvisioner, provisionBus } from '@countersign/bus';
import { localCertificate, wanted, type Edge } from '@countersign/devstack';
import pg from 'pg';
import { ALERT_LIMIT_MS, AlertBench, type Fault } from './harness/alert-bench.js';
import { Deployment, type Person } from './harness/deployment.js';
import { Noise } from './harness/noise.js';
import { Postbox } from './harness/postbox.js';
import { until } from './harness/waiting.js';

const DAY_MS = 86_400_000;
/** Of a local certificate, from the day on which it is made. */
const CERTIFICATE_DAYS = 365;

let deployment: Deployment;
let bench: AlertBench;
let noise: Noise;
let bob: Person;
let postbox: Postbox;
let mailPort: number;
/** Its certificate is a file of its own. */
let third: Edge;
let tls: string;
let held: pg.Client;

const numbered = (...numbers: readonly number[]): Promise<unknown> => noise.emit('numbered', ...numbers.map((one) => ({ producer: { id: 'p-1', sequence: one } })));

const natsConfig = (): string => join(deployment.folder, 'nats', 'nats.conf');
/** The server reads its configuration again, as it does when an operator has written another. */
async function busReads(config: string): Promise<void> {
  writeFileSync(natsConfig(), config);
  await deployment.stack.nats.kill('SIGHUP');
}
let rights = '';

async function certificateOf(daysOld: number): Promise<void> {
  const made = await localCertificate(join(tls, String(daysOld)), Date.now() - daysOld * DAY_MS);
  copyFileSync(made.certFile, join(tls, 'shown.pem'));
  copyFileSync(made.keyFile, join(tls, 'shown-key.pem'));
}
/** The third edge is started again with a certificate that is `daysOld`. */
async function renewed(daysOld: number): Promise<void> {
  await certificateOf(daysOld);
  await third.process.stop();
  await third.process.start();
}

const NEWEST = "WHERE (ledger_id, leaf_index) IN (SELECT ledger_id, max(leaf_index) FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = 'acme' GROUP BY 1)";
/** As superuser, past every trigger: the newest entry of a ledger begins otherwise. */
async function newestBecomes(entry: string): Promise<void> {
  const client = await deployment.onDatabase('ledger', 'SET session_replication_role = replica');
  const { rowCount } = await client.query(`UPDATE entries SET entry = ${entry} ${NEWEST}`);
  await client.end();
  expect(rowCount).toBe(1);
}
const recorded = async (client: pg.Client): Promise<string> => (await client.query<{ size: string }>("SELECT tree_size AS size FROM heads JOIN ledgers USING (ledger_id) WHERE tenant = 'acme'")).rows[0]!.size;

const FAULTS: readonly Fault[] = [
  {
    what: 'nobody verifies what was verified, for as long as a day is here',
    alerts: { CountersignFullVerificationLate: { times: 300, ages: 1_000 } },
    happens: async () => undefined,
    mend: async () => {
      await deployment.verify('system');
      await deployment.verify('home');
    },
    limitMs: 150_000,
  },
  {
    what: 'a producer skips numbers',
    alerts: { CountersignProducerGap: { times: 200 } },
    happens: async () => {
      await numbered(1, 2, 6);
      // What is late is not lost: the ledger looks when more has come, and again a minute later.
      let last = 6;
      bench.keepOn(() => numbered((last += 1)), 5_000);
    },
    mend: async () => {
      await numbered(3, 4, 5);
    },
    limitMs: 240_000,
  },
  {
    what: 'somebody locks what the indexer writes while events come',
    alerts: { CountersignIndexLag: { times: 180, ages: 10_000 } },
    happens: async () => {
      held = await deployment.onDatabase('ledger', 'BEGIN', 'LOCK TABLE index_cursors IN EXCLUSIVE MODE');
      for (let one = 0; one < 10; one += 1) await noise.emit('acme');
    },
    mend: () => held.end(),
  },
  {
    what: 'an entry that is not indexed yet is made unreadable',
    alerts: { CountersignEntriesUnreadable: { times: 600 } },
    happens: async () => {
      const locked = await deployment.onDatabase('ledger', 'BEGIN', 'LOCK TABLE index_cursors IN EXCLUSIVE MODE');
      const before = await recorded(locked);
      await noise.emit('acme');
      await until('it is recorded', ALERT_LIMIT_MS, async () => (await recorded(locked)) !== before);
      await newestBecomes("'x' || entry");
      await locked.end();
    },
    mend: () => newestBecomes('substr(entry, 2)'),
  },
  {
    what: 'Prometheus finds no instance of the key service',
    alerts: { CountersignServiceAbsent: { times: 100 } },
    happens: () => bench.monitoring!.forget('countersign-keys'),
    mend: () => bench.monitoring!.rememberAll(),
  },
  {
    what: 'the mail server is away',
    alerts: { CountersignMailWaiting: { times: 100, ages: 300 } },
    happens: async () => {
      await postbox.stop();
      wanted(await deployment.browser().post('/v1/password-reset', { email: bob.account.email }), 202);
    },
    mend: async () => (postbox = await Postbox.start(mailPort)),
  },
  {
    what: 'nobody renews the certificate of an edge',
    alerts: { CountersignCertificateEndsSoon: { times: 600 }, CountersignCertificateEnds: { times: 60 } },
    happens: () => renewed(CERTIFICATE_DAYS - 1),
    mend: () => renewed(0),
  },
  {
    what: 'the bus is given rights of another version',
    alerts: { CountersignBusForbidden: { times: 150 } },
    happens: async () => {
      rights = readFileSync(natsConfig(), 'utf8');
      const fewer = rights.replace('publish { allow: ["intake.identity.*", ', 'publish { allow: [');
      expect(fewer).not.toBe(rights);
      await busReads(fewer);
      bench.keepOn(() => deployment.signIn(bob.account), 1_000);
    },
    mend: () => busReads(rights),
  },
  {
    what: 'the stream of the intake is gone',
    alerts: { CountersignBusNotProvisioned: { times: 20 } },
    happens: async () => {
      const provisioner = await connectProvisioner({ url: deployment.stack.nats.url, nkeySeedFile: deployment.stack.nats.users.provisioner });
      await provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', { timeoutMs: 5_000 });
      await provisioner.close();
    },
    mend: () => provisionBus({ url: deployment.stack.nats.url, nkeySeedFile: deployment.stack.nats.users.provisioner }),
  },
  {
    what: 'identity stands still, and edges get no lease',
    alerts: { CountersignLeaseLost: { times: 60 } },
    happens: async () => deployment.platform.identity.signal('SIGSTOP'),
    mend: async () => deployment.platform.identity.signal('SIGCONT'),
  },
];

describe('each alert, by what is lacking', () => {
  beforeAll(async () => {
    postbox = await Postbox.start();
    mailPort = postbox.port;
    const mail = { IDENTITY_SMTP_HOST: '127.0.0.1', IDENTITY_SMTP_PORT: String(mailPort), IDENTITY_SMTP_SECURITY: 'none', IDENTITY_MAIL_FROM: 'countersign@example.com' };
    deployment = await Deployment.open({ EDGE_LIMITS_FACTOR: '1000' }, async () => ({ identity: mail, ledger: { LEDGER_TAIL_VERIFY_SECONDS: '60' } }));
    const { platform } = deployment;
    noise = await Noise.open(deployment.stack.nats);
    bob = await deployment.person('bob');
    tls = join(deployment.folder, 'tls-of-third');
    await mkdir(tls);
    await certificateOf(0);
    third = await platform.addEdge({ EDGE_TLS_CERT_FILE: join(tls, 'shown.pem'), EDGE_TLS_KEY_FILE: join(tls, 'shown-key.pem') });
    bench = await AlertBench.open(deployment, FAULTS, { 'countersign-edge': [...deployment.edges, third].map(({ process }) => new URL(process.url).host) });
  }, 240_000);
  afterAll(async () => {
    await bench.close();
    await noise.close();
    await deployment.close();
    await postbox.stop();
  }, 60_000);

  it.each(FAULTS)('$what', (fault) => bench.show(fault), ALERT_LIMIT_MS * 8);
});

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { NatsCluster } from '@countersign/devstack';
import { audit } from './harness/audit.js';
import { faultSuite, type FaultCase } from './harness/fault-suite.js';
import { rest } from './harness/resting.js';
import { until } from './harness/waiting.js';
import type { Stand } from './harness/stand.js';

/** In rounds with an audit each: a round fits the limit of a case. */
const ROUNDS = 5;
const KILLS_A_ROUND = Number(process.env['FAULT_CLUSTER_KILLS'] ?? 100) / ROUNDS;
const COPIES = 3;
const NODES = [0, 1, 2];
const WHOLE_LIMIT_MS = 60_000;

const clusterOf = (stand: Stand): NatsCluster => stand.nats as NatsCluster;

interface Intake {
  readonly state: { readonly last_seq: number };
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[] };
}

async function intakeOf(stand: Stand): Promise<Intake | undefined> {
  const answer = await stand.provisioner.request('$JS.API.STREAM.INFO.INTAKE', '', { timeoutMs: 2_000 }).catch(() => undefined);
  return answer && (JSON.parse(Buffer.from(answer.data).toString('utf8')) as Intake);
}

/** Whether every copy of the intake is up to date: the next kill may then take any server without taking the majority. */
async function isWhole(stand: Stand): Promise<boolean> {
  const { cluster } = (await intakeOf(stand)) ?? {};
  const replicas = cluster?.replicas ?? [];
  return cluster?.leader !== undefined && replicas.length === COPIES - 1 && replicas.every(({ current, offline }) => current && offline !== true);
}

const whole = (stand: Stand): Promise<void> => until('the intake has three copies that are up to date', WHOLE_LIMIT_MS, () => isWhole(stand));

/**
 * Servers that cannot flush each message (before 2.10) may have lost the key files of their stores, which then do not open ("encryption bad key
 * size"). What the runbook says is done then: the stores are deleted, the provisioner makes the streams again.
 */
async function wholeOrMadeAnew(stand: Stand): Promise<boolean> {
  const isWholeByItself = await whole(stand).then(() => true, () => false);
  if (isWholeByItself || clusterOf(stand).syncsAlways) {
    await whole(stand);
    return true;
  }
  await clusterOf(stand).kill('SIGKILL');
  for (const node of NODES) rmSync(join(stand.folder, 'nats', `node-${String(node)}`, 'store'), { recursive: true, force: true });
  await Promise.all(NODES.map((node) => clusterOf(stand).startNode(node)));
  await whole(stand);
  return false;
}

function round(at: number) {
  return async ({ stand, dice }: FaultCase): Promise<void> => {
    const tenants = [`cluster-${at}-a`, `cluster-${at}-b`];
    const producers = [stand.addProducer(`steady-${at}`, tenants), stand.addProducer(`eager-${at}`, tenants, { lanes: 100, pauseMs: 200, textMax: 2_000 })];
    for (const producer of producers) await producer.start();
    for (let kill = 0; kill < KILLS_A_ROUND; kill += 1) {
      const node = dice.whole(0, COPIES - 1);
      await rest(dice, 0, 300);
      await clusterOf(stand).killNode(node);
      await rest(dice, 0, 300);
      await clusterOf(stand).startNode(node);
      await whole(stand);
    }
    await audit(stand, { tenants, producers });
  };
}

faultSuite(
  'a cluster of three nats-servers',
  async (stand) => {
    const ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    ...Object.fromEntries(Array.from({ length: ROUNDS }, (_, at) => [`one server at a time is killed with -9, ${KILLS_A_ROUND} times under load, round ${at + 1} of ${ROUNDS}`, round(at)])),

    'the power of all three goes at once under load': async ({ stand, dice }) => {
      const producer = stand.addProducer('unplugged', ['dark']);
      await producer.start();
      await producer.emits(500);
      await rest(dice, 0, 500);
      const before = (await intakeOf(stand))?.state.last_seq;
      await clusterOf(stand).kill('SIGKILL');
      // What no server has flushed is gone from all three disks.
      stand.disk?.losePower();
      await producer.emits(100);
      await Promise.all(NODES.map((node) => clusterOf(stand).startNode(node)));
      const isByItself = await wholeOrMadeAnew(stand);
      const after = (await intakeOf(stand))?.state.last_seq;
      process.stderr.write(`nats-cluster: ${stand.disk === undefined ? 'the servers were killed, and the disk kept its power (root alone may mount one)' : `the disk lost its power; the intake had ${String(before)} messages, and goes on from ${String(after)}${isByItself ? '' : ', its stores made anew'}`}\n`);
      await audit(stand, { tenants: ['dark'], producers: [producer] });
    },
  },
  'sealed-file',
  'cluster',
);

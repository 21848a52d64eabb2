import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import { rest } from './harness/resting.js';
import type { ServiceProcess } from './harness/service-process.js';
import type { Stand } from './harness/stand.js';

const RANDOM_KILLS = 50;
const KILLS_A_CHECK = 25;
const FLAPS = 10;
const STORE_LOSSES = 3;
const FROZEN_MS = 10_000;

let ledger: ServiceProcess;
let keys: ServiceProcess;

/** The server processes that hold the key service's connections, as their process ids. */
async function backendsOfKeys(stand: Stand): Promise<number[]> {
  const client = new pg.Client({ connectionString: stand.adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE datname IN ('keys', 'keys_subjects')");
    return rows.map(({ pid }) => pid);
  } finally {
    await client.end();
  }
}

faultSuite(
  'the key service is killed, frozen or cut off',
  async (stand) => {
    if (stand.keys === undefined) throw new Error('this suite is about the key service');
    keys = stand.keys.process;
    ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    [`kill -9 of the key service ${RANDOM_KILLS} times at random under load`]: async ({ stand, dice }) => {
      const tenants = ['random-a', 'random-b'];
      const producers = [stand.addProducer('steady', tenants, { lanes: 20, pauseMs: 20 }), stand.addProducer('eager', tenants, { lanes: 60, pauseMs: 100, textMax: 2_000 })];
      for (let kill = 1; kill <= RANDOM_KILLS; kill += 1) {
        for (const producer of producers) if (!producer.running) await producer.start();
        // Sometimes in the middle of its work, sometimes while it is still starting.
        if (dice.next() < 0.8) await keys.ready();
        await rest(dice, 0, 1_000);
        await keys.kill();
        if (kill % KILLS_A_CHECK === 0) await audit(stand, { tenants, producers });
      }
    },

    [`kill -9 of ledger and key service in turns, ${FLAPS} times, so that each meets the other away`]: async ({ stand, dice }) => {
      const tenants = ['flap-a', 'flap-b'];
      const producer = stand.addProducer('flapper', tenants, { lanes: 40, pauseMs: 40 });
      await producer.start();
      for (let flap = 0; flap < FLAPS; flap += 1) {
        await rest(dice, 300, 1_500);
        await keys.kill();
        await rest(dice, 0, 800);
        await ledger.kill();
        if (dice.next() < 0.5) await keys.kill();
        if (dice.next() < 0.5) await ledger.ready();
      }
      await audit(stand, { tenants, producers: [producer] });
    },

    [`its connections to PostgreSQL frozen for ${FROZEN_MS / 1_000} s`]: async ({ stand }) => {
      const producer = stand.addProducer('hanging', ['hanging']);
      await producer.start();
      await producer.emits(200);
      const frozen = await backendsOfKeys(stand);
      for (const pid of frozen) process.kill(pid, 'SIGSTOP');
      await sleep(FROZEN_MS);
      for (const pid of frozen) process.kill(pid, 'SIGCONT');
      await producer.emits(500);
      await audit(stand, { tenants: ['hanging'], producers: [producer] });
    },

    [`PostgreSQL frozen for ${FROZEN_MS / 1_000} s, under ledger and key service`]: async ({ stand }) => {
      const producer = stand.addProducer('frozen', ['frozen']);
      await producer.start();
      await producer.emits(200);
      await stand.postgres.kill('SIGSTOP');
      await sleep(FROZEN_MS);
      await stand.postgres.kill('SIGCONT');
      await producer.emits(500);
      await audit(stand, { tenants: ['frozen'], producers: [producer] });
    },

    [`the whole JetStream store is lost ${STORE_LOSSES} times with personal events in flight, the key service being away`]: async ({ stand, dice }) => {
      const tenants = ['lost-a', 'lost-b'];
      const producers = [stand.addProducer('loser', tenants), stand.addProducer('spender', tenants, { lanes: 100, pauseMs: 100 })];
      for (const producer of producers) await producer.start();
      for (let loss = 0; loss < STORE_LOSSES; loss += 1) {
        await rest(dice, 500, 2_000);
        // Events that wait for their keys are in the stream, and go with it.
        keys.signal('SIGSTOP');
        await rest(dice, 500, 2_000);
        await stand.nats.kill('SIGKILL');
        await stand.restartNats({ loseStore: true });
        if (loss % 2 === 0) await keys.kill();
        else keys.signal('SIGCONT');
      }
      await audit(stand, { tenants, producers });
    },
  },
  'service',
);

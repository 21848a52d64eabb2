import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import type { ServiceProcess } from './harness/service-process.js';
import { rest } from './harness/resting.js';

const KILLS = 8;
const LOSSES = 3;

let ledger: ServiceProcess;

faultSuite(
  'nats-server is killed',
  async (stand) => {
    ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    [`kill -9 of nats-server ${KILLS} times under load`]: async ({ stand, dice }) => {
      const tenants = ['killed-a', 'killed-b'];
      const producers = [stand.addProducer('steady', tenants), stand.addProducer('eager', tenants, { lanes: 200, pauseMs: 200, textMax: 3_000 })];
      for (const producer of producers) await producer.start();
      for (let kill = 0; kill < KILLS; kill += 1) {
        await rest(dice, 200, 2_500);
        await stand.nats.kill('SIGKILL');
        await rest(dice, 0, 2_000);
        await stand.restartNats();
      }
      await audit(stand, { tenants, producers });
    },

    [`the whole JetStream store is lost with a kill -9, ${LOSSES} times under load`]: async ({ stand, dice }) => {
      const tenants = ['lost-a', 'lost-b'];
      const producers = [stand.addProducer('loser', tenants), stand.addProducer('spender', tenants, { lanes: 200, pauseMs: 200 })];
      for (const producer of producers) await producer.start();
      for (let loss = 0; loss < LOSSES; loss += 1) {
        await rest(dice, 500, 3_000);
        await stand.nats.kill('SIGKILL');
        await stand.restartNats({ loseStore: true });
      }
      await audit(stand, { tenants, producers });
    },

    'the store is lost with everything that only the bus had acknowledged, the ledger being away': async ({ stand }) => {
      const producer = stand.addProducer('lonely', ['lonely']);
      await producer.start();
      await producer.emits(50);
      const away = ledger;
      await away.stop();
      // JetStream confirms these, and nobody takes them out.
      await producer.emits(1_000);
      await stand.nats.kill('SIGKILL');
      await stand.restartNats({ loseStore: true });
      await producer.emits(200);
      await away.start();
      away.keepRunning();
      await audit(stand, { tenants: ['lonely'], producers: [producer] });
    },

    'the files of the store are deleted under the running server': async ({ stand }) => {
      const producer = stand.addProducer('hollow', ['hollow']);
      await producer.start();
      await producer.emits(200);
      rmSync(join(stand.nats.storeDir, 'jetstream'), { recursive: true, force: true });
      await producer.emits(500);
      await audit(stand, { tenants: ['hollow'], producers: [producer] });
    },
  },
);

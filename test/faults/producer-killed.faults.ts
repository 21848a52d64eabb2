import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import { rest } from './harness/resting.js';

const KILLS = 12;
const KILLS_WITHOUT_BUS = 4;

faultSuite(
  'a producer is killed',
  async (stand) => {
    const ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    [`kill -9 ${KILLS} times and started again on its spool`]: async ({ stand, dice }) => {
      const tenants = ['spool-a', 'spool-b'];
      const producer = stand.addProducer('mortal', tenants, { lanes: 100, pauseMs: 20, textMax: 4_000 });
      for (let kill = 0; kill < KILLS; kill += 1) {
        await producer.start();
        await rest(dice, 0, 1_500);
        await producer.kill();
      }
      await audit(stand, { tenants, producers: [producer] });
    },

    [`kill -9 ${KILLS_WITHOUT_BUS} times while there is no bus`]: async ({ stand, dice }) => {
      const producer = stand.addProducer('cut-off', ['cut-off'], { lanes: 20 });
      await stand.nats.kill('SIGKILL');
      for (let kill = 0; kill < KILLS_WITHOUT_BUS; kill += 1) {
        await producer.start();
        await producer.emits(100);
        await rest(dice, 0, 500);
        await producer.kill();
      }
      await stand.restartNats();
      await audit(stand, { tenants: ['cut-off'], producers: [producer] });
    },
  },
);

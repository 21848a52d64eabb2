import { killIn } from '@countersign/devstack';
import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import type { ServiceProcess } from './harness/service-process.js';
import { rest } from './harness/resting.js';

const KILLS = 3;

let ledger: ServiceProcess;

faultSuite(
  'the machine falls over',
  async (stand) => {
    ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    [`kill -9 of ledger, nats-server, PostgreSQL and a producer at once, ${KILLS} times`]: async ({ stand, dice }) => {
      const tenants = ['all-a', 'all-b'];
      const surviving = stand.addProducer('surviving', tenants);
      const mortal = stand.addProducer('mortal', tenants, { lanes: 100, pauseMs: 50 });
      await surviving.start();
      for (let kill = 0; kill < KILLS; kill += 1) {
        await mortal.start();
        await ledger.ready();
        await rest(dice, 500, 3_000);
        killIn(stand.postgres.dataDir);
        await Promise.all([ledger.kill(), stand.nats.kill('SIGKILL'), mortal.kill()]);
        // They come back in any order; the ledger keeps trying from the first moment.
        const back = [() => stand.restartPostgres(), () => stand.restartNats({ loseStore: kill === KILLS - 1 })];
        if (dice.next() < 0.5) back.reverse();
        for (const start of back) {
          await start();
          await rest(dice, 0, 1_000);
        }
      }
      await audit(stand, { tenants, producers: [surviving, mortal] });
    },
  },
);

import { APPEND_MOMENTS } from './harness/append-moments.js';
import { audit } from './harness/audit.js';
import { faultSuite, type FaultCase } from './harness/fault-suite.js';
import type { ServiceProcess } from './harness/service-process.js';
import { rest } from './harness/resting.js';
import { within } from './harness/waiting.js';
import type { Moment, WireTap } from './harness/wire-tap.js';

const MOMENT_LIMIT_MS = 60_000;
const RANDOM_KILLS = 50;
const KILLS_A_CHECK = 25;

let ledger: ServiceProcess;
let taps: { readonly postgres: WireTap; readonly nats: WireTap };

/** One case for each step of an append, at which `then` happens to the ledger. */
function atEachMoment(what: string, tenantPrefix: string, then: Moment['then']): Record<string, (context: FaultCase) => Promise<void>> {
  const cases = Object.entries(APPEND_MOMENTS).map(([name, { on, isFirst, ...moment }], number) => {
    const atThisMoment = async ({ stand }: FaultCase): Promise<void> => {
      const tenant = `${tenantPrefix}-${number}`;
      const producer = stand.addProducer(tenant, [tenant]);
      if (isFirst !== true) {
        await producer.start();
        await producer.emits(50);
      }
      const reached = taps[on].arm({ ...moment, then, after: 'cut' });
      if (!producer.running) await producer.start();
      await within(`the ledger comes to the moment: ${name}`, MOMENT_LIMIT_MS, reached);
      await ledger.ready();
      await producer.emits(50);
      await audit(stand, { tenants: [tenant], producers: [producer] });
    };
    return [`${what} ${name}`, atThisMoment] as const;
  });
  return Object.fromEntries(cases);
}

faultSuite(
  'the ledger is killed or cut off',
  async (stand) => {
    taps = { postgres: await stand.tapPostgres(), nats: await stand.tapNats() };
    ledger = await stand.addLedger('one', { postgresTap: taps.postgres, natsTap: taps.nats });
    await ledger.start();
    ledger.keepRunning();
  },
  {
    ...atEachMoment('kill -9', 'killed', () => ledger.kill()),
    // The process lives and has to find out what became of what it asked for.
    ...atEachMoment('the connection breaks', 'cut', () => undefined),

    [`kill -9 ${RANDOM_KILLS} times at random under load`]: async ({ stand, dice }) => {
      const tenants = ['random-a', 'random-b'];
      const producers = [stand.addProducer('steady', tenants, { lanes: 20, pauseMs: 10 }), stand.addProducer('eager', tenants, { lanes: 100, pauseMs: 100, textMax: 2_000 })];
      for (let kill = 1; kill <= RANDOM_KILLS; kill += 1) {
        for (const producer of producers) if (!producer.running) await producer.start();
        // Sometimes long after it is ready, sometimes while it is still starting.
        if (dice.next() < 0.8) await ledger.ready();
        await rest(dice, 0, 1_500);
        await ledger.kill();
        if (kill % KILLS_A_CHECK === 0) await audit(stand, { tenants, producers });
      }
    },
  },
);

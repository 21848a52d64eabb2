import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import type { ServiceProcess } from './harness/service-process.js';
import { rest } from './harness/resting.js';
import { until, within } from './harness/waiting.js';
import type { WireTap } from './harness/wire-tap.js';

const KILLS = 6;
const NEW_LEDGERS = 8;
/** Longer than the 30 s after which the bus delivers a message again. */
const FROZEN_MS = 35_000;
const OTHER_GOES_ON_LIMIT_MS = 60_000;

let one: ServiceProcess;
let two: ServiceProcess;
let tap: WireTap;

faultSuite(
  'two instances of the ledger',
  async (stand) => {
    tap = await stand.tapPostgres();
    one = await stand.addLedger('one', { postgresTap: tap });
    two = await stand.addLedger('two');
    await one.start();
    await two.start();
    for (const ledger of [one, two]) ledger.keepRunning();
  },
  {
    [`append to the same ledgers at once, and are killed ${KILLS} times`]: async ({ stand, dice }) => {
      const tenants = ['both-a', 'both-b'];
      const producers = [stand.addProducer('steady', tenants), stand.addProducer('eager', tenants, { lanes: 200, pauseMs: 100 })];
      for (const producer of producers) await producer.start();
      for (let kill = 0; kill < KILLS; kill += 1) {
        await rest(dice, 500, 2_500);
        const ledger = dice.pick([one, two]);
        await ledger.kill();
        await ledger.ready();
      }
      await audit(stand, { tenants, producers, ledger: one });
      await audit(stand, { tenants, producers: [], ledger: two });
    },

    [`make ${NEW_LEDGERS} new ledgers at the same moment, and are started anew`]: async ({ stand }) => {
      const tenants = Array.from({ length: NEW_LEDGERS }, (_, at) => `new-${at}`);
      const producers = [stand.addProducer('maker-one', tenants, { lanes: 40 }), stand.addProducer('maker-two', tenants, { lanes: 40 })];
      await Promise.all(producers.map((producer) => producer.start()));
      await Promise.all(producers.map((producer) => producer.emits(1_000)));
      for (const ledger of [one, two]) {
        await ledger.kill();
        await ledger.ready();
      }
      await audit(stand, { tenants, producers, ledger: one });
      await audit(stand, { tenants, producers: [], ledger: two });
    },

    [`one is frozen for ${FROZEN_MS / 1_000} s and wakes up behind the other`]: async ({ stand, dice }) => {
      const tenants = ['slept'];
      const producer = stand.addProducer('sleeper', tenants, { lanes: 100, pauseMs: 100 });
      await producer.start();
      await rest(dice, 500, 2_000);
      one.signal('SIGSTOP');
      await sleep(FROZEN_MS);
      one.signal('SIGCONT');
      await producer.emits(500);
      await audit(stand, { tenants, producers: [producer], ledger: two });
      await audit(stand, { tenants, producers: [], ledger: one });
    },

    'one is frozen in the middle of its transaction: the other goes on, and the sleeper is fenced': async ({ stand }) => {
      const tenants = ['fenced'];
      const producer = stand.addProducer('fencer', tenants, { lanes: 20 });
      const { starts } = one;
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      let frozen: () => void = () => undefined;
      const isFrozen = new Promise<void>((resolve) => (frozen = resolve));
      // The head's row is locked, the entries are sent, the COMMIT is on its way and does not arrive.
      const done = tap.arm({
        said: ['COPY entries', 'COMMIT'],
        at: 'before',
        after: 'deliver',
        then: () => {
          one.signal('SIGSTOP');
          frozen();
          return held;
        },
      });
      await producer.start();
      await within('one instance is frozen in its transaction', OTHER_GOES_ON_LIMIT_MS, isFrozen);
      const before = await sizeOf(two, tenants);
      await until('the other instance appends although the sleeper held the lock', OTHER_GOES_ON_LIMIT_MS, async () => (await sizeOf(two, tenants)) > before + 200);
      one.signal('SIGCONT');
      release();
      await done;
      await producer.emits(200);
      await audit(stand, { tenants, producers: [producer], ledger: two });
      await audit(stand, { tenants, producers: [], ledger: one });
      // Fenced, not crashed: the process that slept goes on.
      expect(one.starts).toBe(starts);
    },
  },
);

async function sizeOf(ledger: ServiceProcess, [tenant]: readonly string[]): Promise<number> {
  const answer = await fetch(`${ledger.url}/ledgers/${tenant}`);
  return answer.ok ? ((await answer.json()) as { treeSize: number }).treeSize : 0;
}

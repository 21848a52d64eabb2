import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import type { LedgerProcess } from './harness/ledger-process.js';
import { within } from './harness/waiting.js';
import type { Moment, WireTap } from './harness/wire-tap.js';

const MOMENT_LIMIT_MS = 60_000;
const RANDOM_KILLS = 50;
const KILLS_A_CHECK = 25;

/** In the append's own transaction: other COMMITs go over other connections, or before a COPY. */
const COPY = 'COPY entries';
const COMMIT = 'COMMIT';
const ACK = 'PUB $JS.ACK.INTAKE.ledger';

let ledger: LedgerProcess;
let taps: { readonly postgres: WireTap; readonly nats: WireTap };

type KillMoment = Omit<Moment, 'then' | 'after'> & { readonly on: 'postgres' | 'nats' };

const MOMENTS: Readonly<Record<string, KillMoment>> = {
  'before the entries reach the database': { on: 'postgres', said: [COPY], at: 'before' },
  'with the entries sent and not committed': { on: 'postgres', said: [COPY, COMMIT], at: 'before' },
  'after the commit, before it hears of it': { on: 'postgres', said: [COPY, COMMIT], at: 'answered' },
  'between commit and ack': { on: 'nats', said: [ACK], at: 'before' },
  'after the ack, before the receipts': { on: 'nats', said: [ACK, 'PUB ledger.receipt.'], at: 'before' },
  'with a checkpoint archived and not stored': { on: 'postgres', said: ['INSERT INTO checkpoints'], at: 'before' },
  'with a checkpoint stored and not published': { on: 'nats', said: ['PUB ledger.checkpoint.'], at: 'before' },
  'while a new ledger is made': { on: 'postgres', said: ['INSERT INTO ledgers'], at: 'answered' },
};

const killAt = Object.fromEntries(
  Object.entries(MOMENTS).map(([name, { on, ...moment }], number) => [
    `kill -9 ${name}`,
    async ({ stand }: Parameters<Parameters<typeof faultSuite>[2][string]>[0]) => {
      const tenant = `moment-${number}`;
      const producer = stand.addProducer(`moment-${number}`, [tenant]);
      if (!moment.said.includes('INSERT INTO ledgers')) {
        await producer.start();
        await producer.emits(50);
      }
      const reached = taps[on].arm({ ...moment, then: () => ledger.kill(), after: 'cut' });
      if (!producer.running) await producer.start();
      await within(`the ledger comes to the moment: ${name}`, MOMENT_LIMIT_MS, reached);
      await ledger.ready();
      await producer.emits(50);
      await audit(stand, { tenants: [tenant], producers: [producer] });
    },
  ]),
);

faultSuite(
  'the ledger is killed',
  async (stand) => {
    taps = { postgres: await stand.tapPostgres(), nats: await stand.tapNats() };
    ledger = await stand.addLedger('one', { postgresTap: taps.postgres, natsTap: taps.nats });
    await ledger.start();
    ledger.keepRunning();
  },
  {
    ...killAt,
    [`kill -9 ${RANDOM_KILLS} times at random under load`]: async ({ stand, dice }) => {
      const tenants = ['random-a', 'random-b'];
      const producers = [stand.addProducer('steady', tenants, { lanes: 20, pauseMs: 10 }), stand.addProducer('eager', tenants, { lanes: 100, pauseMs: 100, textMax: 2_000 })];
      for (let kill = 1; kill <= RANDOM_KILLS; kill += 1) {
        for (const producer of producers) if (!producer.running) await producer.start();
        // Sometimes long after it is ready, sometimes while it is still starting.
        if (dice.next() < 0.8) await ledger.ready();
        await new Promise((resolve) => setTimeout(resolve, dice.whole(0, 1_500)));
        await ledger.kill();
        if (kill % KILLS_A_CHECK === 0) await audit(stand, { tenants, producers });
      }
    },
  },
);

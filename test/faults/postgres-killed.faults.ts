import { setTimeout as sleep } from 'node:timers/promises';
import { killIn } from '@countersign/devstack';
import pg from 'pg';
import { audit } from './harness/audit.js';
import { faultSuite } from './harness/fault-suite.js';
import { rest } from './harness/resting.js';
import type { Stand } from './harness/stand.js';

const SERVER_KILLS = 6;
const BACKEND_KILLS = 6;
/** Longer than the 30 s after which the bus delivers a message again. */
const FROZEN_MS = 40_000;

/** The process of one connection of the ledger; undefined while it has none. */
async function someBackend(stand: Stand, pick: (pids: readonly number[]) => number): Promise<number | undefined> {
  const client = new pg.Client({ connectionString: stand.adminUrl });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number }>("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ledger%' ORDER BY pid");
    return rows.length === 0 ? undefined : pick(rows.map(({ pid }) => pid));
  } catch {
    // The server is still getting up from the kill before.
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}

faultSuite(
  'PostgreSQL is killed or frozen',
  async (stand) => {
    const ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    [`kill -9 of PostgreSQL with all its processes, ${SERVER_KILLS} times under load`]: async ({ stand, dice }) => {
      const tenants = ['server-a', 'server-b'];
      const producers = [stand.addProducer('steady', tenants), stand.addProducer('eager', tenants, { lanes: 200, pauseMs: 200, textMax: 3_000 })];
      for (const producer of producers) await producer.start();
      for (let kill = 0; kill < SERVER_KILLS; kill += 1) {
        await rest(dice, 500, 3_000);
        killIn(stand.postgres.dataDir);
        await rest(dice, 0, 2_000);
        await stand.restartPostgres();
      }
      await audit(stand, { tenants, producers });
    },

    [`kill -9 of the ledger's own backends, ${BACKEND_KILLS} times under load`]: async ({ stand, dice }) => {
      const producer = stand.addProducer('backend', ['backend']);
      await producer.start();
      for (let kills = 0; kills < BACKEND_KILLS; ) {
        await rest(dice, 300, 1_500);
        const pid = await someBackend(stand, (pids) => dice.pick(pids));
        if (pid === undefined) continue;
        process.kill(pid, 'SIGKILL');
        kills += 1;
      }
      await audit(stand, { tenants: ['backend'], producers: [producer] });
    },

    [`PostgreSQL frozen for ${FROZEN_MS / 1_000} s`]: async ({ stand }) => {
      const producer = stand.addProducer('frozen', ['frozen']);
      await producer.start();
      await producer.emits(200);
      await stand.postgres.kill('SIGSTOP');
      await producer.emits(500);
      await sleep(FROZEN_MS);
      await stand.postgres.kill('SIGCONT');
      await producer.emits(200);
      await audit(stand, { tenants: ['frozen'], producers: [producer] });
    },
  },
);

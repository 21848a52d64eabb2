import { join } from 'node:path';
import { Account, administrator, Browser, browserAgent, Platform, startTestStack, wanted, type Devstack } from '@countersign/devstack';
import { createPool } from '@countersign/postgres';
import type pg from 'pg';
import { ProducerProcess } from '../child/producer-process.js';
import { yieldCores } from '../child/yield-cores.js';

/** Everything that a sweep passes through, as it ships, and two people who may make a policy that destroys. */
export interface SweepStack {
  readonly devstack: Devstack;
  readonly platform: Platform;
  readonly producer: ProducerProcess;
  /** Superuser's connections to the ledger's database, and to retention's. */
  readonly pool: pg.Pool;
  readonly retention: pg.Pool;
  /** In force when it resolves: one person proposes it, another one agrees. */
  readonly makePolicy: (rule: object) => Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL with fsync, nats-server, key service, identity, retention, ledger, an edge, a producer. What had started is stopped again when it throws. */
export async function startSweepStack(): Promise<SweepStack> {
  const started: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
  };
  try {
    const devstack = await startTestStack({ durable: true });
    started.push(() => devstack.stop());
    for (const { pid } of [devstack.postgres, devstack.nats]) yieldCores(pid);
    // A sweep each second, and no limit on orders but the ledger's own.
    const platform = await Platform.open(devstack, { isFast: false, env: { retention: { RETENTION_SWEEP_SECONDS: '1', RETENTION_ORDERS_PER_SECOND_MAX: '1000' } } });
    started.push(() => platform.stop());
    const { origin } = await platform.addEdge({ EDGE_LOG_LEVEL: 'warn' });
    const agent = browserAgent(platform.ca);
    started.push(() => agent.destroy());
    const poolOf = (database: string): pg.Pool => {
      const pool = createPool({ url: devstack.databaseUrl(database), max: 2, applicationName: 'bench' });
      started.push(() => pool.end());
      return pool;
    };
    const makePolicy = await policyMakers(devstack, () => new Browser({ origin, agent }));
    const producer = await ProducerProcess.start({ natsUrl: devstack.nats.url, seedFile: devstack.nats.users.services, spoolDir: join(devstack.stateDir, 'spool'), nodeArgs: [] });
    started.push(() => producer.stop());
    return { devstack, platform, producer, pool: poolOf('ledger'), retention: poolOf('retention'), makePolicy, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function policyMakers(devstack: Devstack, browser: () => Browser): Promise<SweepStack['makePolicy']> {
  const [admin, officer] = [browser(), browser()];
  await administrator(devstack.nats, admin);
  const second = await new Account('officer@example.com').register(officer);
  await second.enrol(officer);
  wanted(await admin.post(`/v1/admin/users/${second.userId}/roles`, { role: 'privacy-officer' }), 204);
  return async (rule) => {
    const { proposalId } = wanted(await admin.post('/v1/retention/policies', { rule, reason: 'measured' }), 200).json as { proposalId: string };
    wanted(await officer.post(`/v1/retention/proposals/${proposalId}/approve`), 204);
  };
}

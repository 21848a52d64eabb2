import { join } from 'node:path';
import { createPool } from '@countersign/postgres';
import { startTestStack, type Devstack } from '@countersign/devstack';
import type pg from 'pg';
import { DATABASE, startLedger } from './child/ledger-process.js';
import type { RunOptions } from './options.js';
import type { ServiceProcess } from './child/service-process.js';
import { ProducerProcess } from './child/producer-process.js';
import { yieldCores } from './child/yield-cores.js';

/** Everything that is measured, running: PostgreSQL with fsync, nats-server, the ledger, one producer. */
export interface BenchStack {
  readonly devstack: Devstack;
  readonly ledger: ServiceProcess;
  readonly producer: ProducerProcess;
  /** Superuser's connections to the ledger's database: for the designs compared with, and for counting bytes. */
  readonly pool: pg.Pool;
  stop(): Promise<void>;
}

export interface StackOptions extends Pick<RunOptions, 'nodeArgs' | 'logFile'> {
  /** Starts the key service, which the ledger then uses; without it the ledger has keys of its own. */
  readonly keys?: (devstack: Devstack) => Promise<ServiceProcess>;
}

/** Starts all of it in a temporary folder, which `stop()` deletes. What had started is stopped again when it throws. */
export async function startStack({ nodeArgs, logFile, keys: startKeys }: StackOptions): Promise<BenchStack> {
  const started: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
  };
  try {
    const devstack = await startTestStack({ durable: true });
    started.push(() => devstack.stop());
    for (const { pid } of [devstack.postgres, devstack.nats]) yieldCores(pid);
    const keys = await startKeys?.(devstack);
    if (keys !== undefined) started.push(() => keys.stop());
    const ledger = await startLedger(devstack, nodeArgs, logFile, keys === undefined ? 'sealed-file' : 'service');
    started.push(() => ledger.stop());
    const pool = createPool({ url: devstack.databaseUrl(DATABASE), max: 4, applicationName: 'bench' });
    started.push(() => pool.end());
    const producer = await ProducerProcess.start({
      natsUrl: devstack.nats.url,
      seedFile: devstack.nats.users.services,
      spoolDir: join(devstack.stateDir, 'spool'),
      nodeArgs,
    });
    started.push(() => producer.stop());
    return { devstack, ledger, producer, pool, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureDatabase, withClient } from '@countersign/postgres';
import { startNats, type NatsServer } from './nats.js';
import type { HolderName } from './nats-config.js';
import { startPostgres, type PostgresServer } from './postgres.js';
import { readIfThere, writePrivate } from './state-files.js';

export interface DevstackOptions {
  /** Folder that keeps everything between starts. */
  readonly stateDir: string;
  /** False turns PostgreSQL's fsync off: for tests only. */
  readonly durable: boolean;
  /** Services of customers on the bus. */
  readonly holders?: readonly HolderName[];
  /** Told what takes long, such as installing nats-server. */
  readonly log?: (line: string) => void;
}

export interface Devstack {
  readonly stateDir: string;
  readonly postgres: PostgresServer;
  readonly nats: NatsServer;
  /** Superuser's connection URL for a database, with the password: keep it out of logs. */
  databaseUrl(name: string): string;
  /** Makes the database if it is not there. Returns `databaseUrl(name)`. */
  createDatabase(name: string): Promise<string>;
  /** Stops the bus, then the database. Calling it again is fine. */
  stop(): Promise<void>;
}

interface Ports {
  readonly postgres?: number;
  readonly nats?: number;
  readonly natsMonitor?: number;
}

const portOf = (url: string): number => Number(new URL(url).port);

async function rememberedPorts(file: string): Promise<Ports> {
  try {
    return JSON.parse((await readIfThere(file)) ?? '{}') as Ports;
  } catch {
    // A half-written or foreign file only costs the wish for the same ports.
    return {};
  }
}

/**
 * Starts PostgreSQL and nats-server under one state folder, on the ports of the last start when they are free.
 * @throws {DevstackError} see startPostgres and startNats; what had started is stopped again
 */
export async function startDevstack(options: DevstackOptions): Promise<Devstack> {
  const stateDir = resolve(options.stateDir);
  mkdirSync(stateDir, { recursive: true });
  const file = join(stateDir, 'stack.json');
  const ports = await rememberedPorts(file);
  const [database, bus] = await Promise.allSettled([
    startPostgres({ dir: join(stateDir, 'postgres'), durable: options.durable, port: ports.postgres }),
    startNats({ dir: join(stateDir, 'nats'), port: ports.nats, monitorPort: ports.natsMonitor, holders: options.holders, log: options.log }),
  ]);
  if (database.status === 'rejected' || bus.status === 'rejected') {
    if (database.status === 'fulfilled') await database.value.stop();
    if (bus.status === 'fulfilled') await bus.value.stop();
    throw database.status === 'rejected' ? database.reason : (bus as PromiseRejectedResult).reason;
  }
  const [postgres, nats] = [database.value, bus.value];
  await writePrivate(file, `${JSON.stringify({ postgres: postgres.port, nats: nats.port, natsMonitor: portOf(nats.monitorUrl) })}\n`);
  const databaseUrl = (name: string): string => Object.assign(new URL(postgres.superuserUrl), { pathname: `/${name}` }).href;
  return {
    stateDir,
    postgres,
    nats,
    databaseUrl,
    async createDatabase(name) {
      await withClient(postgres.superuserUrl, (client) => ensureDatabase(client, name));
      return databaseUrl(name);
    },
    async stop() {
      await nats.stop();
      await postgres.stop();
    },
  };
}

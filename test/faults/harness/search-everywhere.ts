import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectProvisioner } from '@countersign/bus';
import { CanaryScan, spellings, tablesWith, type Canaries } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import { jetstreamManager } from '@nats-io/jetstream';
import { Redis } from 'ioredis';
import type { Deployment } from './deployment.js';

/** What a search came upon, each as `<where>: <canary>`, and how much it looked at. */
export interface Search {
  readonly found: readonly string[];
  readonly rowsOf: readonly string[];
  readonly bytes: number;
}

/**
 * Looks for canaries, in all their spellings, in every row of every database that there is (snapshots too), in every file of the deployment and of
 * PostgreSQL as it lies on the disk (so also in its log of writes and in rows that are dead), in messages of JetStream, and in Redis.
 */
export async function searchEverywhere(deployment: Deployment, canaries: Canaries): Promise<Search> {
  const { stack, folder } = deployment;
  const scan = new CanaryScan(canaries);
  const databases = await databasesOf(deployment);
  const found: string[] = [];
  for (const name of databases) found.push(...(await rowsWith(deployment, name, canaries)));
  // What PostgreSQL still has in memory, it writes.
  await withClient(stack.databaseUrl('postgres'), (client) => client.query('CHECKPOINT'));
  const files = await scan.findIn(folder);
  // When the tests run as root the cluster may lie outside of the folder.
  const cluster = stack.postgres.dataDir.startsWith(folder) ? { found: [], bytes: 0 } : await scan.findIn(stack.postgres.dataDir);
  found.push(...files.found, ...cluster.found.map((one) => `cluster/${one}`), ...(await inStreams(deployment, scan)), ...(await inRedis(deployment, scan)));
  return { found, rowsOf: databases, bytes: files.bytes + cluster.bytes };
}

async function databasesOf({ stack }: Deployment): Promise<string[]> {
  return withClient(stack.databaseUrl('postgres'), async (client) => (await client.query<{ datname: string }>('SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1')).rows.map(({ datname }) => datname));
}

/** A row as text: what PostgreSQL has compressed is plain here. */
async function rowsWith({ stack }: Deployment, database: string, canaries: Canaries): Promise<string[]> {
  return withClient(stack.databaseUrl(database), async (client) => {
    const tables = await tablesWith(client, Object.values(canaries).flatMap(spellings));
    const named: string[] = [];
    for (const table of tables) for (const [name, canary] of Object.entries(canaries)) if ((await tablesWith(client, spellings(canary))).includes(table)) named.push(`${database} ${table}: ${name}`);
    return named;
  });
}

async function inStreams({ stack: { nats } }: Deployment, scan: CanaryScan): Promise<string[]> {
  const bus = await connectProvisioner({ url: nats.url, nkeySeedFile: nats.users.provisioner });
  try {
    const api = await jetstreamManager(bus.nats, { checkAPI: false });
    const found: string[] = [];
    for (const { config, state } of await api.streams.list().next()) {
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq += 1) {
        const message = await api.streams.getMessage(config.name, { seq });
        if (message !== null) found.push(...scan.find(Buffer.from(message.data)).map((name) => `stream ${config.name}: ${name}`));
      }
    }
    return found;
  } finally {
    await bus.close();
  }
}

async function inRedis({ redis }: Deployment, scan: CanaryScan): Promise<string[]> {
  if (redis === undefined) return [];
  const client = new Redis(redis.url);
  try {
    const found: string[] = [];
    for (const key of await client.keysBuffer('*')) {
      const value = (await client.dumpBuffer(key)) ?? Buffer.alloc(0);
      found.push(...scan.find(Buffer.concat([key, Buffer.from('\n'), value])).map((name) => `redis: ${name}`));
    }
    return found;
  } finally {
    client.disconnect();
  }
}

/** Puts a canary, each time in another spelling, where {@link searchEverywhere} must find it. */
export async function planted({ stack, folder, redis }: Deployment, canary: string): Promise<{ readonly where: readonly string[]; readonly done: () => Promise<void> }> {
  const file = join(folder, 'planted');
  writeFileSync(file, Buffer.from(`  ${canary}`).toString('base64url'));
  await withClient(stack.databaseUrl('identity'), (client) => client.query(`CREATE TABLE planted AS SELECT decode('${Buffer.from(canary).toString('hex')}', 'hex') AS bytes`));
  const inMemory = async (work: (client: Redis) => Promise<unknown>): Promise<void> => {
    if (redis === undefined) return;
    const client = new Redis(redis.url);
    await work(client).finally(() => client.disconnect());
  };
  await inMemory((client) => client.set('planted', canary));
  return {
    where: ['planted', 'identity public.planted', ...(redis === undefined ? [] : ['redis'])],
    done: async () => {
      rmSync(file);
      await withClient(stack.databaseUrl('identity'), (client) => client.query('DROP TABLE planted'));
      await inMemory((client) => client.del('planted'));
    },
  };
}

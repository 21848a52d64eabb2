import { connectBus, type BusConnection } from '@countersign/bus';
import type { HeldOrderInput, HeldResource } from '@countersign/contracts';
import { startTestStack } from '@countersign/devstack';
import { createPool, ensureRole, withClient, type Pool } from '@countersign/postgres';
import { HolderClient, HolderResponder, Orders, retentionOrdersMigrationSql, type Holder } from '../src/index.js';

const PASSWORD = 'for-tests';
export const LATER = '2099-01-01T00:00:00.000Z';

/** A service with a table of things, on a real database and bus. */
export interface Stand {
  readonly pool: Pool;
  /** Of the same service, beside what answers. */
  readonly orders: Orders;
  readonly owner: Pool;
  readonly client: HolderClient;
  /** One more that asks. */
  anotherClient(): HolderClient;
  readonly things: Things;
  stop(): Promise<void>;
}

/** Holds things; what stands in the way of an order is set by the tests. */
export class Things implements Holder {
  readonly types = { thing: ['delete'] } as const;
  /** Awaited within the transaction, before it deletes. */
  meanwhile: () => Promise<unknown> = () => Promise.resolve();
  /** Awaited before the transaction. */
  before: () => Promise<unknown> = () => Promise.resolve();

  constructor(private readonly pool: Pool) {}

  async list({ after, limit }: Parameters<Holder['list']>[0]) {
    const { rows } = await this.pool.query<{ id: string; created: Date }>('SELECT id, created FROM things WHERE id > $1 ORDER BY id LIMIT $2', [after ?? '', limit]);
    const resources = rows.map(({ id, created }): HeldResource => ({ type: 'thing', id, tenant: 'acme', class: 'content', created: created.toISOString() }));
    return rows.length < limit ? { resources } : { resources, next: rows.at(-1)!.id };
  }

  prepare(): Promise<unknown> {
    return this.before();
  }

  async carryOut(client: Parameters<Holder['carryOut']>[0], { resources }: Parameters<Holder['carryOut']>[1]) {
    await this.meanwhile();
    const { rows } = await client.query<{ id: string }>('DELETE FROM things WHERE id = ANY($1) RETURNING id', [resources]);
    return { done: rows.map(({ id }) => id).sort() };
  }
}

export async function startStand(): Promise<Stand> {
  const stack = await startTestStack();
  const ownerUrl = await stack.createDatabase('things');
  await withClient(ownerUrl, async (client) => {
    await ensureRole(client, { name: 'things_service', password: PASSWORD });
    await client.query('CREATE TABLE things (id text COLLATE "C" PRIMARY KEY, created timestamptz NOT NULL DEFAULT now()); GRANT SELECT, INSERT, DELETE ON things TO things_service');
    await client.query(retentionOrdersMigrationSql('things_service'));
  });
  const url = Object.assign(new URL(ownerUrl), { username: 'things_service', password: PASSWORD }).href;
  const pool = createPool({ url, max: 10, applicationName: 'things', onIdleError: () => undefined });
  const owner = createPool({ url: ownerUrl, max: 2, applicationName: 'things-owner' });
  const connect = (user: 'retention' | 'services'): Promise<BusConnection> => connectBus({ url: stack.nats.url, nkeySeedFile: stack.nats.users[user], name: user });
  const [asker, answerer] = [await connect('retention'), await connect('services')];
  const things = new Things(pool);
  const orders = new Orders(pool, things);
  const responder = new HolderResponder({ bus: answerer, service: 'things', holder: things, orders, onError: () => undefined });
  await responder.start();
  return {
    pool, owner, things,
    orders,
    client: new HolderClient(asker),
    anotherClient: () => new HolderClient(asker),
    async stop() {
      await responder.stop();
      await Promise.all([asker.close(), answerer.close()]);
      await Promise.all([pool.end(), owner.end()]);
      await stack.stop();
    },
  };
}

export const orderOf = (orderId: string, resources: string[], changes: Partial<HeldOrderInput> = {}): HeldOrderInput => ({
  orderId, tenant: 'acme', type: 'thing', action: 'delete', resources, policyVersion: 1, orderedAt: '2026-11-22T15:00:00.000Z', expiresAt: LATER, ...changes,
});

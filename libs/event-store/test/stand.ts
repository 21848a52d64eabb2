import { LedgerBook, startBookLedger, startTestStack, type BookLedger, type Devstack } from '@countersign/devstack';
import { createPool, ensureRole, withClient, type Pool } from '@countersign/postgres';
import { eventStoreMigrationSql, eventStoreTracesSql, openEventStore, type EventStore, type EventStoreOptions } from '../src/index.js';
import { DOORS_TABLE_SQL } from './door.js';
import { MemoryCipher } from './memory-cipher.js';

export const ACTOR = { type: 'user', id: 'usr_ada' } as const;
const PASSWORD = 'for-tests';

/** The doors service with a real database and bus, and a ledger's side that can be stopped. */
export interface Stand {
  readonly stack: Devstack;
  /** As the service: with the grants of the migration, and no more. */
  readonly pool: Pool;
  /** As the one who owns the tables. */
  readonly owner: Pool;
  readonly serviceUrl: string;
  readonly book: LedgerBook;
  readonly cipher: MemoryCipher;
  /** With a relay unless `relay: undefined` is given. */
  open(change?: Partial<EventStoreOptions>): EventStore;
  startLedger(): Promise<void>;
  stopLedger(): Promise<void>;
  /** Closes the stores and empties the tables; the ledger stays as it is. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** What the parts of the contract are given: both are there while a test runs. */
export interface Ground {
  readonly stand: () => Stand;
  readonly store: () => EventStore;
}

export async function startStand(options: { readonly durable?: boolean } = {}): Promise<Stand> {
  const stack = await startTestStack(options);
  const ownerUrl = await stack.createDatabase('doors');
  await withClient(ownerUrl, async (client) => {
    await ensureRole(client, { name: 'doors_service', password: PASSWORD });
    await client.query('CREATE SCHEMA doors');
    await client.query(eventStoreMigrationSql({ schema: 'doors', source: 'doors', runtimeRole: 'doors_service' }));
    await client.query(eventStoreTracesSql({ schema: 'doors' }));
    await client.query(DOORS_TABLE_SQL);
  });
  const serviceUrl = Object.assign(new URL(ownerUrl), { username: 'doors_service', password: PASSWORD }).href;
  const pool = createPool({ url: serviceUrl, max: 25, applicationName: 'doors' });
  const owner = createPool({ url: ownerUrl, max: 4, applicationName: 'doors-owner' });
  const book = new LedgerBook();
  const cipher = new MemoryCipher();
  const stores: EventStore[] = [];
  let ledger: BookLedger | undefined;
  const closeStores = async (): Promise<void> => void (await Promise.all(stores.splice(0).map((store) => store.close())));
  return {
    stack, pool, owner, serviceUrl, book, cipher,
    open(change = {}) {
      const bus = { url: stack.nats.url, nkeySeedFile: stack.nats.users.services, name: 'doors' };
      const store = openEventStore({ source: 'doors', schema: 'doors', pool, cipher, relay: { bus, resendAfterMs: 300 }, ...change });
      stores.push(store);
      return store;
    },
    async startLedger() {
      ledger ??= await startBookLedger(stack.nats, book);
    },
    async stopLedger() {
      await ledger?.stop();
      ledger = undefined;
    },
    async clear() {
      await closeStores();
      await owner.query('TRUNCATE doors.events, doors.event_relay, doors.event_commands, doors.doors');
    },
    async stop() {
      await closeStores();
      await ledger?.stop();
      await Promise.all([pool.end(), owner.end()]);
      await stack.stop();
    },
  };
}

export async function until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 30_000): Promise<void> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > limitMs) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until every stored event has its receipt or refusal. */
export const settled = (store: EventStore): Promise<void> =>
  until('every event is answered', async () => {
    const { count, refused } = await store.ledger.unreceipted(0);
    return count === refused;
  });

/** The code of the error that `action` rejects with. */
export async function rejection(action: Promise<unknown>): Promise<unknown> {
  try {
    await action;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  throw new Error('did not reject');
}

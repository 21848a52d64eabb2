import { randomBytes } from 'node:crypto';
import { decodeEntry, leafHash, type ChainFault, type Entry, type Event } from '@countersign/chain';
import type { AppendStore } from '../../src/append/append-store.js';
import { Appender } from '../../src/append/appender.js';
import { BodySealer, type FieldSealer } from '../../src/append/body-sealer.js';
import { RowBuffers } from '../../src/append/copy-rows.js';
import { hmacContentDigester } from '../../src/append/content-digest.js';
import { emptyHead, type Head, type Ledger } from '../../src/append/head.js';
import { admitMessage } from '../../src/append/intake-message.js';
import type { PendingMessage, Settlement } from '../../src/append/settle.js';
import { LocalFields } from '../../src/keys/local-fields.js';
import { PgAppendStore } from '../../src/store/pg-append-store.js';
import type { LedgerFixture } from '../fixture/ledger-fixture.js';

export const DIGESTER = hmacContentDigester(1, Buffer.alloc(32, 9));
export const FIELDS = new LocalFields(Buffer.alloc(32, 5));
export const sealerOver = (fields: FieldSealer): BodySealer => new BodySealer(fields, Buffer.alloc(32, 9));
export const SEALER = sealerOver(FIELDS);

/** A message as the bus would bring it, with what became of it. */
export interface TestMessage extends PendingMessage {
  readonly events: readonly Event[];
  acks: number;
  /** Resolves with the first ack. */
  readonly acked: Promise<void>;
}

export function messageOf(tenant: string, events: readonly Event[], redelivered = false): TestMessage {
  const source = events[0]!.source;
  const body = Buffer.from(JSON.stringify(events));
  const { promise: acked, resolve } = Promise.withResolvers<void>();
  const message: TestMessage = {
    subject: `intake.${source}.${tenant}`,
    source,
    body,
    redelivered,
    events,
    acks: 0,
    acked,
    sealed: undefined,
    admit: () => admitMessage({ source, tenant }, body, DIGESTER),
    ack: () => {
      message.acks += 1;
      resolve();
    },
    putBack: () => undefined,
  };
  return message;
}

/** An appender under test, with everything that it reported. */
export class TestAppender {
  readonly appender: Appender;
  readonly settlements = new Map<PendingMessage, Settlement[]>();
  readonly batches: number[] = [];
  readonly faults: ChainFault[] = [];
  readonly retries: unknown[] = [];
  head: Head | undefined;
  private readonly broken = Promise.withResolvers<ChainFault>();

  constructor(
    readonly ledger: Ledger,
    store: AppendStore,
    now: () => Date = () => new Date(),
  ) {
    this.appender = new Appender(ledger, {
      store,
      now,
      randomBytes,
      rowBuffers: new RowBuffers(),
      sealer: SEALER,
      onPutOff: (_ledger, error) => this.retries.push(error),
      onCommitted: (_ledger, head, settled) => {
        this.head = head;
        this.batches.push(settled.reduce((sum, { settlement }) => sum + settlement.recorded.length, 0));
        for (const { message, settlement } of settled) {
          this.settlements.set(message, [...(this.settlements.get(message) ?? []), settlement]);
        }
      },
      onBroken: (_ledger, fault) => {
        this.faults.push(fault);
        this.broken.resolve(fault);
      },
      onRetry: (_ledger, error) => this.retries.push(error),
    });
  }

  /** Offers messages and waits until all are acknowledged. */
  async settle(...messages: readonly TestMessage[]): Promise<Settlement[]> {
    for (const message of messages) this.appender.offer(message);
    await Promise.all(messages.map((message) => message.acked));
    // The acks come first, the report of the same batch right after.
    await new Promise((resolve) => setImmediate(resolve));
    return messages.map((message) => this.settlements.get(message)![0]!);
  }

  whenBroken(): Promise<ChainFault> {
    return this.broken.promise;
  }
}

/** The real store, with something done before or after its commits. */
export function around(store: PgAppendStore, hooks: { before?: () => Promise<void>; after?: () => Promise<void> }): AppendStore {
  return {
    ensureLedger: (tenant) => store.ensureLedger(tenant),
    loadHead: (ledger) => store.loadHead(ledger),
    findRecorded: (ledger, ids) => store.findRecorded(ledger, ids),
    park: (ledger, subject, body) => store.park(ledger, subject, body),
    parked: (ledger, limit, except) => store.parked(ledger, limit, except),
    unpark: (ledger, ids) => store.unpark(ledger, ids),
    commit: async (commit) => {
      await hooks.before?.();
      await store.commit(commit);
      await hooks.after?.();
    },
  };
}

export const storeOf = (fixture: LedgerFixture): PgAppendStore =>
  new PgAppendStore({ pool: fixture.runtime, originOf: (tenant) => `ledger.example/${tenant}` });

/** Every entry in order, after checking that indexes have no gap, links join, times do not decrease and the head fits. */
export async function checkedEntries(fixture: LedgerFixture, ledger: Ledger): Promise<Entry[]> {
  const { rows } = await fixture.admin.query<{ leaf_index: string; event_id: string; entry: Buffer }>(
    'SELECT leaf_index, event_id, entry FROM entries WHERE ledger_id = $1 ORDER BY leaf_index',
    [ledger.ledgerId],
  );
  const entries = rows.map((row) => decodeEntry(row.entry));
  let link = emptyHead(ledger.origin).lastEventHash;
  let time = '';
  entries.forEach((entry, i) => {
    const row = rows[i]!;
    if (Number(row.leaf_index) !== i || entry.index !== i) throw new Error(`entry ${i} has index ${entry.index}`);
    if (entry.id !== row.event_id) throw new Error(`entry ${i} is stored under another id`);
    if (entry.previousEventHash !== link) throw new Error(`entry ${i} does not join`);
    if (entry.recordedAt < time) throw new Error(`entry ${i} was recorded before the one ahead of it`);
    link = leafHash(row.entry).toString('hex');
    time = entry.recordedAt;
  });
  const head = await storeOf(fixture).loadHead(ledger);
  if (head.treeSize !== entries.length || head.lastEventHash !== link) throw new Error('the head is not the last entry');
  return entries;
}

/** Holds the ledger's head row, so that no commit gets through until `release`. */
export async function holdHead(fixture: LedgerFixture, ledger: Ledger): Promise<{ release: () => Promise<void> }> {
  const client = await fixture.admin.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM heads WHERE ledger_id = $1 FOR UPDATE', [ledger.ledgerId]);
  return {
    release: async () => {
      await client.query('ROLLBACK');
      client.release();
    },
  };
}

/** Process id of the connection that waits for a lock on behalf of the runtime role. */
export async function waitingBackend(fixture: LedgerFixture): Promise<number> {
  for (;;) {
    const { rows } = await fixture.admin.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'runtime' AND wait_event_type = 'Lock'",
    );
    if (rows[0] !== undefined) return rows[0].pid;
  }
}

/** Runs statements as the superuser with triggers off: the attacker who owns the database. */
export async function asAttacker(fixture: LedgerFixture, sql: string, values: readonly unknown[]): Promise<void> {
  const client = await fixture.admin.connect();
  try {
    await client.query('SET session_replication_role = replica');
    await client.query(sql, [...values]);
    await client.query('RESET session_replication_role');
  } finally {
    client.release();
  }
}

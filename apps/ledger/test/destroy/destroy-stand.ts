import { randomUUID } from 'node:crypto';
import { decodeEntry, verifyExport, type Event } from '@countersign/chain';
import type { HeldOrder, HeldResource, OrderOutcome } from '@countersign/contracts';
import { Orders } from '@countersign/holder';
import { createPool } from '@countersign/postgres';
import { LedgerHolder } from '../../src/destroy/ledger-holder.js';
import { readPartClasses } from '../../src/destroy/part-class.js';
import { PartsHolder } from '../../src/destroy/parts-holder.js';
import { FairShare } from '../../src/destroy/fair-share.js';
import { Reclaiming } from '../../src/destroy/reclaiming.js';
import { StatementSettling } from '../../src/destroy/settling.js';
import { StatementRows } from '../../src/destroy/statement-rows.js';
import type { DestructionRecords } from '../../src/destroy/statements.js';
import { Stretches } from '../../src/destroy/stretches.js';
import { exportLedger } from '../../src/prove/export-ledger.js';
import { PgReadStore } from '../../src/store/pg-read-store.js';
import { runPass, type PassOutcome } from '../../src/verify/pass.js';
import { verifySegment } from '../../src/verify/verify-segment.js';
import { verifyCheckpoints } from '../../src/verify/verify-checkpoints.js';
import { startLedgerFixture, type LedgerFixture, type TestLedger } from '../fixture/ledger-fixture.js';

const CLASSES = 'identity.note=content';

/** A ledger that destroys what it is ordered to, over a real database; its own events go straight into its append flow. */
export class DestroyStand {
  readonly orders: Orders;
  readonly holder: LedgerHolder;
  readonly failures: unknown[] = [];
  readonly settling: StatementSettling;
  readonly reclaiming: Reclaiming;
  #destroyed = 0;
  /** Awaited before an event of the ledger's own is on record. */
  stating: () => Promise<unknown> = () => Promise.resolve();
  /** Awaited when a statement is on record, before anything goes. */
  stated: () => Promise<unknown> = () => Promise.resolve();

  private constructor(
    readonly fixture: LedgerFixture,
    readonly ledger: TestLedger,
    private readonly eraser: ReturnType<typeof createPool>,
    { classes = readPartClasses(CLASSES)!, lookingMs = 5_000 } = {},
  ) {
    const read = new PgReadStore(fixture.reader);
    const statements = new StatementRows(eraser);
    const share = new FairShare(() => false);
    const takeDestroyed = (): number => {
      const taken = this.#destroyed;
      this.#destroyed = 0;
      return taken;
    };
    this.reclaiming = new Reclaiming({ eraser, share, takeDestroyed });
    const records: DestructionRecords = {
      record: async (_ledger, event) => {
        await this.stating();
        await this.append([event]);
        await this.stated();
      },
    };
    const stretches = new Stretches({ reader: fixture.reader, eraser, classes, lookingMs, maxAgeMs: 0, now: () => new Date() });
    const parts = new PartsHolder({ reader: fixture.reader, read, stretches, classes, statements, records, share, onDestroyed: (entries) => void (this.#destroyed += entries) });
    this.holder = new LedgerHolder(parts, fixture.reader);
    this.orders = new Orders(eraser, this.holder);
    this.settling = new StatementSettling({ statements, parts, orders: this.orders, onError: (error) => this.failures.push(error) });
  }

  /** The same ledger after a crash: what was under way is known from the database alone. */
  restarted(classes = CLASSES, lookingMs?: number): DestroyStand {
    return new DestroyStand(this.fixture, this.ledger, this.eraser, { classes: readPartClasses(classes)!, ...(lookingMs === undefined ? {} : { lookingMs }) });
  }

  /** The next of the ledger's own events ends the process, when it is on record or before. */
  dies(when: 'stating' | 'stated', first: () => Promise<unknown> = () => Promise.resolve()): void {
    this[when] = async () => {
      await first();
      throw new Error('killed');
    };
  }

  /** The statement of an order that is not settled. */
  async kept(orderId: string): Promise<Event | undefined> {
    return (await this.fixture.admin.query<{ event: Event }>('SELECT event FROM part_statements WHERE order_id = $1', [orderId])).rows[0]?.event;
  }

  /** Events by which statements were taken back. */
  async takenBack(): Promise<string[]> {
    const { rows } = await this.fixture.admin.query<{ entry: Buffer }>(`SELECT entry FROM entries WHERE encode(entry, 'escape') LIKE '%"type":"ledger.parts.destruction-recalled"%'`);
    return rows.map(({ entry }) => decodeEntry(entry).resource!.id);
  }

  /** As somebody with all rights on the database can. */
  async takeAway(leafIndex: number): Promise<void> {
    await this.fixture.admin.query(`BEGIN; SET LOCAL session_replication_role = replica; UPDATE entries SET data_part = NULL WHERE leaf_index = ${String(leafIndex)}; COMMIT`);
  }

  static async open(): Promise<DestroyStand> {
    const fixture = await startLedgerFixture();
    const eraser = createPool({ url: fixture.url('ledger_eraser'), max: 4, applicationName: 'eraser' });
    return new DestroyStand(fixture, await fixture.ledger('acme'), eraser);
  }

  async append(events: readonly Event[]): Promise<void> {
    await this.ledger.append(events);
    await this.ledger.sign();
  }

  async list(except: string[] = []): Promise<HeldResource[]> {
    const all: HeldResource[] = [];
    for (let after: string | undefined; ; ) {
      const { resources, next } = await this.holder.list({ type: 'audit-parts', after, limit: 3, except });
      all.push(...resources);
      if (next === undefined) return all;
      after = next;
    }
  }

  order(resources: readonly HeldResource[], changes: Partial<HeldOrder> = {}): HeldOrder {
    return {
      orderId: randomUUID(), tenant: 'acme', type: 'audit-parts', action: 'delete', resources: resources.map(({ id }) => id), except: [], policyVersion: 7,
      orderedAt: new Date().toISOString(), expiresAt: '2099-01-01T00:00:00.000Z', ...changes,
    };
  }

  destroy(resources: readonly HeldResource[], changes: Partial<HeldOrder> = {}): Promise<OrderOutcome> {
    return this.orders.execute(this.order(resources, changes));
  }

  /** A pass over the whole ledger, as the service makes it. */
  async verify(kind: 'full' | 'range' = 'full', fromIndex = 0, toIndex?: number): Promise<PassOutcome['verdict']> {
    const { fixture, ledger } = this;
    const deps = {
      pool: fixture.reader, databaseUrl: fixture.url('ledger_reader'), archive: fixture.archive, signer: fixture.signer, now: () => new Date(),
      runner: { threads: 2, segment: verifySegment, checkpoints: verifyCheckpoints, close: () => Promise.resolve() },
    };
    return (await runPass({ ledger, kind, start: undefined, fromIndex, toIndex }, deps)).verdict;
  }

  /** Exported and verified as a stranger would, by public keys alone. */
  async verifyExport(): Promise<number> {
    const read = new PgReadStore(this.fixture.reader);
    const { treeSize, note } = (await read.latestCheckpoint(this.ledger))!;
    async function* bytes(source: AsyncIterable<string>): AsyncGenerator<Buffer> {
      for await (const text of source) yield Buffer.from(text);
    }
    const file = bytes(exportLedger(read, this.ledger, { treeSize, note } as Parameters<typeof exportLedger>[2]));
    return (await verifyExport(file, { vkeys: this.ledger.vkeys })).treeSize;
  }

  async stored(): Promise<{ readonly parts: number; readonly digests: number }> {
    const { rows } = await this.fixture.admin.query<{ parts: number; digests: number }>(
      'SELECT sum(num_nonnulls(data_part, personal_parts))::int AS parts, count(content_digest)::int AS digests FROM entries WHERE ledger_id = $1',
      [this.ledger.ledgerId],
    );
    return rows[0]!;
  }

  async close(): Promise<void> {
    await this.eraser.end();
    await this.fixture.stop();
  }
}

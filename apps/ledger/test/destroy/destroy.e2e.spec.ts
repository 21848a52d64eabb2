import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBus } from '@countersign/bus';
import { verifyTlogProof } from '@countersign/chain';
import { retentionOrdersMigrationSql } from '@countersign/holder';
import { FileArchive } from '../../src/checkpoint/archive.js';
import { ENTRIES_LOCK } from '../../src/destroy/reclaiming.js';
import { BusDestructionRecords, orderedEvent } from '../../src/destroy/statements.js';
import { Prover } from '../../src/prove/prover.js';
import { SignedHeads } from '../../src/prove/signed-head.js';
import { PgReadStore } from '../../src/store/pg-read-store.js';
import { PgTileRows } from '../../src/store/pg-tile-rows.js';
import { TileCache } from '../../src/store/tile-cache.js';
import { makeEvents } from '../fixture/ledger-fixture.js';
import { DestroyStand } from './destroy-stand.js';

const EVENTS = 2_600;
/** Every second event is somebody's sign-in, the others are notes; all have data, sign-ins also somebody's own. */
const eventsOf = (count: number) =>
  makeEvents('acme', count, (n) =>
    n % 2 === 0
      ? { type: 'identity.session.created', actor: { type: 'user', id: `user-${n % 10}` }, data: { n }, personal: [{ subject: `user-${n % 10}`, data: { ip: `192.0.2.${n % 250}` } }] }
      : { type: 'identity.note.added', data: { n } },
  );

let stand: DestroyStand;
beforeAll(async () => {
  stand = await DestroyStand.open();
  await stand.append(eventsOf(EVENTS));
});
afterAll(() => stand.close());

describe('parts of audit events', () => {
  it('are listed by stretches and classes, each once', async () => {
    // However little time there is to look at what was appended: the list begins when all was looked at.
    const resources = await stand.restarted(undefined, 0).list();
    expect(resources.map(({ id }) => id)).toEqual([
      'acme:content:0-1024', 'acme:security:0-1024', 'acme:content:1024-2048', 'acme:security:1024-2048', 'acme:content:2048-2600', 'acme:security:2048-2600',
    ]);
    expect(await stand.list()).toEqual(resources);
  });

  it('go by an order, and everything verifies: full, range, export, old proofs', async () => {
    const prover = proverOf(stand);
    const { rows } = await stand.fixture.admin.query<{ event_id: string; entry: Buffer }>('SELECT event_id, entry FROM entries WHERE leaf_index = 4');
    const proof = await prover.tlogProof(stand.ledger, rows[0]!.event_id);
    const before = await stand.stored();
    const going = (await stand.list()).filter(({ id }) => id.startsWith('acme:security:') && !id.endsWith('-2600'));
    const order = stand.order(going);
    expect(await stand.orders.execute(order)).toMatchObject({ state: 'executed', done: going.map(({ id }) => id), items: 2_048 });
    // The statement itself is a part more.
    expect(await stand.stored()).toEqual({ parts: before.parts - 2_048 + 1, digests: before.digests - 1_024 + 1 });
    expect(await stand.verify()).toMatchObject({ verdict: 'intact', treeSize: EVENTS + 1 });
    expect(await stand.verify('range', 10, 20)).toMatchObject({ verdict: 'intact', fromIndex: 10, toIndex: 20 });
    expect(await stand.verifyExport()).toBe(EVENTS + 1);
    expect(verifyTlogProof(proof, { entry: rows[0]!.entry, origin: stand.ledger.origin, vkeys: stand.ledger.vkeys }).leafIndex).toBe(4);
    expect((await stand.list()).map(({ id }) => id)).not.toContain('acme:security:0-1024');
    expect((await stand.orders.execute(order)).state).toBe('executed');
  });

  it('stay where a hold names them, and the rest goes; when it is released they are there to go', async () => {
    const [stretch] = (await stand.list()).filter(({ id }) => id === 'acme:security:2048-2600');
    const outcome = await stand.destroy([stretch!], { except: ['user-4'] });
    // One in five of 276 is of user-4, with two parts each.
    expect(outcome).toMatchObject({ state: 'executed', done: ['acme:security:2048-2600'], items: 2 * (276 - 55) });
    const { rows } = await stand.fixture.admin.query<{ n: number }>(`SELECT count(*)::int AS n FROM entries WHERE leaf_index >= 2048 AND leaf_index < 2600 AND personal_parts IS NOT NULL`);
    expect(rows[0]!.n).toBe(55);
    expect(await stand.verify()).toMatchObject({ verdict: 'intact' });
    expect((await stand.list(['user-4'])).filter(({ class: one }) => one === 'security')).toEqual([]);
    const released = (await stand.list()).filter(({ class: one }) => one === 'security');
    expect(released.map(({ id }) => id)).toEqual(['acme:security:2054-2595']);
    expect(await stand.destroy(released)).toMatchObject({ state: 'executed', items: 110 });
    expect(await stand.verify()).toMatchObject({ verdict: 'intact' });
  });

  it('stay when the order is called back after it was stated, and the statement is taken back', async () => {
    const [stretch] = await stand.list();
    const order = stand.order([stretch!]);
    stand.stated = async () => {
      stand.stated = () => Promise.resolve();
      await stand.orders.recall(order.orderId);
    };
    expect(await stand.orders.execute(order)).toMatchObject({ state: 'recalled' });
    await stand.settling.settle();
    expect(await stand.list()).toContainEqual(stretch);
    // Whoever takes a part away now is found out, although it had been stated before.
    await stand.takeAway(1);
    expect(await stand.verify()).toMatchObject({ verdict: 'broken', fault: { code: 'PART_MISSING', firstIndex: 1, lastIndex: 1 } });
    await expect(stand.verifyExport()).rejects.toMatchObject({ code: 'PART_MISSING', detail: { leafIndex: 1 } });
    expect(await stand.destroy([stretch!])).toMatchObject({ state: 'executed', items: 511 });
    expect(await stand.verify()).toMatchObject({ verdict: 'intact' });
  });

  it('of other types, or beyond the stated ranges, are missed when they are gone', async () => {
    await stand.takeAway(2_051);
    expect(await stand.verify()).toMatchObject({ verdict: 'broken', fault: { code: 'PART_MISSING', firstIndex: 2_051 } });
  });
});

describe('the space of destroyed parts', () => {
  let large: DestroyStand;
  beforeEach(async () => {
    large = await DestroyStand.open();
    // The second half has parts that stay.
    await large.append(makeEvents('acme', 4_096, () => ({ type: 'identity.session.created', data: { text: 'x'.repeat(700) } })));
    await large.append(makeEvents('acme', 1_024, () => ({ type: 'identity.note.added', data: { text: 'x'.repeat(700) } })));
  });
  afterEach(() => large.close());

  const pages = async (): Promise<number> => Number((await large.fixture.admin.query<{ n: string }>(`SELECT pg_relation_size('entries') / 8192 AS n`)).rows[0]!.n);
  const destroyAll = async (): Promise<unknown> => large.destroy((await large.list()).filter(({ class: one }) => one === 'security'));
  const reclaim = async (): Promise<string[]> => {
    const done: string[] = [];
    while (done.at(-1) !== 'nothing' || done.at(-2) !== 'nothing') {
      done.push((await large.reclaiming.round()).done);
      expect(done.length).toBeLessThan(40);
    }
    return done;
  };

  it('comes back: rows of the last pages move before them, unchanged, and the file ends earlier', async () => {
    const before = await pages();
    await destroyAll();
    expect(await pages()).toBeGreaterThan(before);
    const rows = async (): Promise<unknown> => (await large.fixture.admin.query(`SELECT md5(string_agg(e::text, ',' ORDER BY leaf_index)) FROM entries e`)).rows[0];
    const content = await rows();
    expect(await reclaim()).toContain('moved');
    expect(await pages()).toBeLessThan(before * 0.75);
    expect(await rows()).toEqual(content);
    expect(await large.verify()).toMatchObject({ verdict: 'intact' });
  });

  it('comes back later, when an order is at work', async () => {
    const before = await pages();
    await destroyAll();
    const order = await large.fixture.admin.connect();
    try {
      await order.query('BEGIN');
      await order.query('SELECT pg_advisory_xact_lock_shared($1)', [ENTRIES_LOCK]);
      const done: string[] = [];
      for (let round = 0; round < 5; round++) done.push((await large.reclaiming.round()).done);
      expect(done.slice(-2)).toEqual(['waiting', 'waiting']);
      await order.query('COMMIT');
    } finally {
      order.release();
    }
    expect(await reclaim()).toContain('moved');
    expect(await pages()).toBeLessThan(before * 0.75);
  });
});

describe('a crash between a statement and its order', () => {
  let other: DestroyStand;
  beforeAll(async () => {
    other = await DestroyStand.open();
    await other.append(eventsOf(200));
  });
  afterAll(() => other.close());

  it.each(['stating', 'stated'] as const)('%s, of an order that was called back: the statement is taken back once, though nobody asks again', async (when) => {
    const [stretch] = await other.list();
    const order = other.order([stretch!]);
    const dying = other.restarted();
    dying.dies(when, () => dying.orders.recall(order.orderId));
    await expect(dying.orders.execute(order)).rejects.toThrow('killed');
    // What was sent before the crash is recorded after it.
    if (when === 'stating') await other.append([(await other.kept(order.orderId))!]);
    await other.restarted().settling.settle();
    await other.restarted().settling.settle();
    expect((await other.takenBack()).filter((id) => id === order.orderId)).toHaveLength(1);
    expect(await other.orders.execute(order)).toMatchObject({ state: 'recalled' });
    expect(await other.list()).toContainEqual(stretch);
    expect(await other.kept(order.orderId)).toBeUndefined();
  });

  it('whose time is over: it is void for whoever asks, and the statement is taken back', async () => {
    const [stretch] = await other.list();
    const { rows } = await other.fixture.admin.query<{ at: Date }>(`SELECT now() + interval '500 milliseconds' AS at`);
    const order = other.order([stretch!], { expiresAt: rows[0]!.at.toISOString() });
    const dying = other.restarted();
    dying.dies('stated');
    await expect(dying.orders.execute(order)).rejects.toThrow('killed');
    await other.settling.settle();
    expect(await other.takenBack()).not.toContain(order.orderId);
    await other.fixture.admin.query('SELECT pg_sleep(0.6)');
    await other.settling.settle();
    expect(await other.takenBack()).toContain(order.orderId);
    expect(await other.orders.execute(order)).toMatchObject({ state: 'expired' });
    await other.takeAway(3);
    expect(await other.verify()).toMatchObject({ verdict: 'broken', fault: { code: 'PART_MISSING', firstIndex: 3 } });
    expect(await other.destroy([stretch!])).toMatchObject({ state: 'executed' });
    expect(await other.verify()).toMatchObject({ verdict: 'intact' });
  });

  it('that is asked about again: it is carried out, and its statement stands', async () => {
    const stretches = (await other.list()).filter(({ class: one }) => one === 'security');
    const order = other.order(stretches);
    const dying = other.restarted();
    dying.dies('stated');
    await expect(dying.orders.execute(order)).rejects.toThrow('killed');
    expect(await other.orders.execute(order)).toMatchObject({ state: 'executed', done: stretches.map(({ id }) => id) });
    await other.settling.settle();
    expect(await other.takenBack()).not.toContain(order.orderId);
    expect(await other.verify()).toMatchObject({ verdict: 'intact' });
  });

  it('after which classes are others: nothing goes that was not stated, and what was is listed under its new class', async () => {
    await other.append(eventsOf(100));
    const stretches = (await other.list()).filter(({ class: one }) => one === 'content');
    const order = other.order(stretches);
    const dying = other.restarted();
    dying.dies('stated');
    await expect(dying.orders.execute(order)).rejects.toThrow('killed');
    const before = await other.stored();
    // All that identity says is content now: more than the statement had in mind.
    const changed = other.restarted('identity=content');
    expect(await changed.orders.execute(order)).toMatchObject({ state: 'executed', done: [], items: 0 });
    await changed.settling.settle();
    expect(await other.takenBack()).toContain(order.orderId);
    expect((await other.stored()).parts).toBe(before.parts + 1);
    const anew = (await changed.list()).filter(({ class: one }) => one === 'content');
    expect(await changed.destroy(anew)).toMatchObject({ state: 'executed', items: 150 });
    expect(await other.verify()).toMatchObject({ verdict: 'intact' });
    expect(other.failures).toEqual([]);
  });
});

describe('a statement that nobody records', () => {
  it('is not waited for while the service ends', async () => {
    const { stack, reader } = stand.fixture;
    const bus = await connectBus({ url: stack.nats.url, nkeySeedFile: stack.nats.users.ledger, name: 'ending' });
    const records = new BusDestructionRecords({ bus, read: new PgReadStore(reader), archive: new FileArchive(join(stack.stateDir, 'nothing-signed')) });
    const startMs = performance.now();
    const waiting = records.record(stand.ledger, orderedEvent({ orderId: 'ending', tenant: 'acme', type: 'audit-parts', action: 'delete', resources: [], except: [], policyVersion: 1, orderedAt: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-02T00:00:00.000Z' }, { parts: ['data'], types: [], ranges: [] }));
    records.endSoon();
    await expect(waiting).rejects.toMatchObject({ code: 'HOLDER_UNAVAILABLE' });
    // Otherwise it is waited for 20 seconds.
    expect(performance.now() - startMs).toBeLessThan(10_000);
    await bus.close();
  });
});

describe('the migration', () => {
  it('has the table of orders as libs/holder makes it', () => {
    const migration = readFileSync(new URL('../../migrations/0008_destruction.sql', import.meta.url), 'utf8');
    expect(migration).toContain(retentionOrdersMigrationSql('ledger_eraser').trim());
  });
});

function proverOf({ fixture }: DestroyStand): Prover {
  const read = new PgReadStore(fixture.reader);
  const heads = new SignedHeads({ latestCheckpoint: (one) => read.latestCheckpoint(one), signer: fixture.signer, nowMs: () => 0 });
  return new Prover({ leafByEventId: (one, id) => read.leafByEventId(one, id), heads, tiles: new TileCache(new PgTileRows(fixture.reader)) });
}

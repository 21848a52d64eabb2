import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultCode } from '@countersign/chain';
import type { Ledger } from '../../src/append/head.js';
import { makeEvent, makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';
import { TestAppender, around, asAttacker, checkedEntries, holdHead, messageOf, storeOf, waitingBackend, type TestMessage } from './append-stand.js';

let fixture: LedgerFixture;
const opened: TestAppender[] = [];
beforeAll(async () => {
  fixture = await startLedgerFixture();
}, 60_000);
afterEach(async () => {
  for (const one of opened.splice(0)) await one.appender.stop();
});
afterAll(() => fixture.stop());

async function open(tenant: string, hooks: Parameters<typeof around>[1] = {}): Promise<TestAppender> {
  const store = storeOf(fixture);
  const one = new TestAppender(await store.ensureLedger(tenant), around(store, hooks));
  opened.push(one);
  return one;
}

const idsOf = (messages: readonly TestMessage[]): string[] => messages.flatMap(({ events }) => events.map(({ id }) => id));
const messages = (tenant: string, count: number, events: number): TestMessage[] =>
  Array.from({ length: count }, () => messageOf(tenant, makeEvents(tenant, events)));

describe('a commit that fails', () => {
  it('is tried again when its connection is killed, and every event is recorded once, in order', async () => {
    const one = await open('killed');
    const held = await holdHead(fixture, one.ledger);
    const sent = messages('killed', 6, 500);
    const settled = one.settle(...sent);
    const pid = await waitingBackend(fixture);
    await fixture.admin.query('SELECT pg_terminate_backend($1)', [pid]);
    while (one.retries.length === 0) await sleep(5);
    expect(sent.map(({ acks }) => acks)).toEqual(sent.map(() => 0));
    await held.release();
    await settled;
    expect((await checkedEntries(fixture, one.ledger)).map(({ id }) => id)).toEqual(idsOf(sent));
    expect(sent.map(({ acks }) => acks)).toEqual(sent.map(() => 1));
    expect(one.faults).toEqual([]);
  });

  it('may have succeeded all the same: then its receipts are those of the first time', async () => {
    let lost = 0;
    const one = await open('unknown', {
      after: async () => {
        if (++lost === 2) throw new Error('the connection was lost after COMMIT');
      },
    });
    await one.settle(messageOf('unknown', makeEvents('unknown', 1)));
    const sent = messages('unknown', 6, 400);
    const settlements = await one.settle(...sent);
    const entries = await checkedEntries(fixture, one.ledger);
    expect(entries.slice(1).map(({ id }) => id)).toEqual(idsOf(sent));
    const receipts = settlements.flatMap(({ recorded, repeated }) => [...recorded, ...repeated]);
    expect(receipts.map(({ index }) => index)).toEqual(entries.slice(1).map(({ index }) => index));
    expect(settlements[0]!.repeated).toHaveLength(400);
    expect(one.retries).toHaveLength(1);
  });

  it('waits longer and longer while the store is away, and loses nothing', async () => {
    let away = 3;
    const one = await open('away', {
      before: async () => {
        if (away-- > 0) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      },
    });
    const sent = messages('away', 3, 10);
    const startedMs = performance.now();
    await one.settle(...sent);
    expect(one.retries).toHaveLength(3);
    expect(performance.now() - startedMs).toBeGreaterThan(50 + 100 + 200 - 20);
    expect((await checkedEntries(fixture, one.ledger)).map(({ id }) => id)).toEqual(idsOf(sent));
  });

  it('gives everything back when it is stopped meanwhile', async () => {
    const one = await open('given-back', {
      before: async () => {
        throw new Error('away');
      },
    });
    const sent = messages('given-back', 8, 500);
    for (const message of sent) one.appender.offer(message);
    while (one.retries.length === 0) await sleep(5);
    expect(await one.appender.stop()).toEqual(sent);
    expect(sent.map(({ acks }) => acks)).toEqual(sent.map(() => 0));
    expect(await checkedEntries(fixture, one.ledger)).toEqual([]);
  });
});

describe('two appenders of one ledger', () => {
  it('leave no gap and no fork, and settle every message once', async () => {
    const [a, b] = [await open('two'), await open('two')];
    const shared = Array.from({ length: 10 }, () => makeEvents('two', 40));
    const ofA = shared.map((events, i) => messageOf('two', [...events, ...makeEvents('two', i * 7)]));
    const ofB = shared.map((events, i) => messageOf('two', [...makeEvents('two', i * 5), ...events]));
    // A little apart, so that batches of both interleave.
    const settle = async (one: TestAppender, sent: readonly TestMessage[]): Promise<void> => {
      for (const message of sent) {
        one.appender.offer(message);
        await sleep(3);
      }
      await Promise.all(sent.map(({ acked }) => acked));
    };
    await Promise.all([settle(a, ofA), settle(b, ofB)]);
    const ids = (await checkedEntries(fixture, a.ledger)).map(({ id }) => id);
    const sent = new Set([...idsOf(ofA), ...idsOf(ofB)]);
    expect(ids).toHaveLength(sent.size);
    expect(new Set(ids)).toEqual(sent);
    expect([...ofA, ...ofB].map(({ acks }) => acks)).toEqual([...ofA, ...ofB].map(() => 1));
    expect([...a.faults, ...b.faults]).toEqual([]);
    expect([...a.retries, ...b.retries]).toEqual([]);
    expect([...a.settlements.values(), ...b.settlements.values()].filter((settlements) => settlements.length !== 1)).toEqual([]);
  });

  it('of which one was asleep: it goes on from what the other recorded', async () => {
    const [asleep, other] = [await open('asleep'), await open('asleep')];
    await asleep.settle(messageOf('asleep', makeEvents('asleep', 3)));
    await other.settle(messageOf('asleep', makeEvents('asleep', 300)));
    const [settlement] = await asleep.settle(messageOf('asleep', makeEvents('asleep', 2)));
    expect(settlement!.recorded.map(({ index }) => index)).toEqual([303, 304]);
    expect(await checkedEntries(fixture, asleep.ledger)).toHaveLength(305);
  });
});

describe('an appender whose ledger is broken', () => {
  const hash = Buffer.alloc(32, 1);
  const entriesOf = async (ledger: Ledger): Promise<number> => {
    const { rows } = await fixture.admin.query<{ count: number }>('SELECT count(*)::int FROM entries WHERE ledger_id = $1', [ledger.ledgerId]);
    return rows[0]!.count;
  };
  const BREAKS: ReadonlyArray<readonly [what: string, code: FaultCode, sql: string, values: readonly unknown[]]> = [
    ['the last entry is edited', 'HEAD_LINK_MISMATCH', "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'u-1', 'u-2'), 'UTF8') WHERE ledger_id = $1 AND leaf_index = 299", []],
    ['an entry of the partial tile is edited', 'HEAD_ROOT_MISMATCH', "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'u-1', 'u-2'), 'UTF8') WHERE ledger_id = $1 AND leaf_index = 260", []],
    ['the last entry is deleted', 'ENTRY_MISSING', 'DELETE FROM entries WHERE ledger_id = $1 AND leaf_index = 299', []],
    ['a tile is deleted', 'TILE_MISSING', 'DELETE FROM tiles WHERE ledger_id = $1', []],
    ['a tile has another root', 'HEAD_ROOT_MISMATCH', 'UPDATE tiles SET root = $2 WHERE ledger_id = $1', [hash]],
    ['the head is deleted', 'HEAD_MISSING', 'DELETE FROM heads WHERE ledger_id = $1', []],
    ['the head names another root', 'HEAD_ROOT_MISMATCH', 'UPDATE heads SET root_hash = $2 WHERE ledger_id = $1', [hash]],
    ['the head names another last event', 'HEAD_LINK_MISMATCH', 'UPDATE heads SET last_event_hash = $2 WHERE ledger_id = $1', [hash]],
    ['the head lies in the future', 'HEAD_TIME_MISMATCH', "UPDATE heads SET last_recorded_at = '2099-01-01T00:00:00.000Z' WHERE ledger_id = $1", []],
    ['the head is moved back', 'HEAD_LINK_MISMATCH', 'UPDATE heads SET tree_size = 298 WHERE ledger_id = $1', []],
  ];

  it.each(BREAKS)('stops with its code and appends nothing: %s (%s)', async (what, code, sql, values) => {
    const tenant = what.replaceAll(' ', '-');
    const before = await open(tenant);
    await before.settle(messageOf(tenant, makeEvents(tenant, 300)));
    await asAttacker(fixture, sql, [before.ledger.ledgerId, ...values]);
    const count = await entriesOf(before.ledger);
    const next = await open(tenant);
    const message = messageOf(tenant, [makeEvent(tenant)]);
    next.appender.offer(message);
    expect((await next.whenBroken()).code).toBe(code);
    const late = messageOf(tenant, [makeEvent(tenant)]);
    next.appender.offer(late);
    expect(await next.appender.stop()).toEqual([message, late]);
    expect(message.acks).toBe(0);
    expect(await entriesOf(before.ledger)).toBe(count);
  });

  it.each([
    ['ENTRY_BEYOND_HEAD', "INSERT INTO entries (ledger_id, leaf_index, event_id, entry) VALUES ($1, 3, gen_random_uuid(), '{}')"],
    ['TILE_UNEXPECTED', "INSERT INTO tiles SELECT $1, 0, 0, decode(repeat('00', 8192), 'hex'), decode(repeat('00', 32), 'hex')"],
    ['HEAD_LINK_MISMATCH', "UPDATE heads SET last_event_hash = decode(repeat('00', 32), 'hex') WHERE ledger_id = $1"],
  ])('notices %s while it runs', async (code, sql) => {
    const tenant = `running-${code.toLowerCase().replaceAll('_', '-')}`;
    const one = await open(tenant);
    await one.settle(messageOf(tenant, makeEvents(tenant, 3)));
    await asAttacker(fixture, sql, [one.ledger.ledgerId]);
    const count = await entriesOf(one.ledger);
    const sent = messageOf(tenant, makeEvents(tenant, 400));
    one.appender.offer(sent);
    expect((await one.whenBroken()).code).toBe(code);
    expect(await one.appender.stop()).toEqual([sent]);
    expect(await entriesOf(one.ledger)).toBe(count);
  });
});

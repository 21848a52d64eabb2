import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { BATCH_EVENTS_MAX } from '../../src/append/appender.js';
import type { Ledger } from '../../src/append/head.js';
import { makeEvent, makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';
import { SEALER, TestAppender, checkedEntries, holdHead, messageOf, storeOf, type TestMessage } from './append-stand.js';

let fixture: LedgerFixture;
beforeAll(async () => {
  fixture = await startLedgerFixture();
}, 60_000);
afterAll(() => fixture.stop());

async function open(tenant: string, now?: () => Date): Promise<TestAppender> {
  const store = storeOf(fixture);
  return new TestAppender(await store.ensureLedger(tenant), store, now);
}

const idsOf = (messages: readonly TestMessage[]): string[] => messages.flatMap(({ events }) => events.map(({ id }) => id));
const recordedIds = async (ledger: Ledger): Promise<string[]> => (await checkedEntries(fixture, ledger)).map(({ id }) => id);

describe('the appender', () => {
  it('records a message at once when it is idle, and many in one transaction under load', async () => {
    const one = await open('load');
    await one.settle(messageOf('load', makeEvents('load', 3)));
    expect(one.batches).toEqual([3]);
    const messages = Array.from({ length: 60 }, () => messageOf('load', makeEvents('load', 100, (n) => ({ data: { n } }))));
    await one.settle(...messages);
    await one.appender.stop();
    expect(one.batches.length).toBeLessThanOrEqual(6_000 / BATCH_EVENTS_MAX + 3);
    expect(Math.max(...one.batches)).toBeLessThan(BATCH_EVENTS_MAX + 500);
    expect((await recordedIds(one.ledger)).slice(3)).toEqual(idsOf(messages));
    expect(messages.map(({ acks }) => acks)).toEqual(messages.map(() => 1));
  });

  it('gives receipts that name what is stored', async () => {
    const one = await open('receipts');
    const [settlement] = await one.settle(messageOf('receipts', makeEvents('receipts', 5)));
    const entries = await checkedEntries(fixture, one.ledger);
    expect(settlement!.recorded.map(({ id, index, tenant, recordedAt }) => ({ id, index, tenant, recordedAt }))).toEqual(
      entries.map(({ id, index, tenant, recordedAt }) => ({ id, index, tenant, recordedAt })),
    );
    expect(settlement!.recorded.slice(0, 4).map(({ eventHash }) => eventHash)).toEqual(entries.slice(1).map(({ previousEventHash }) => previousEventHash));
    await one.appender.stop();
  });

  it('acks and reports nothing before the commit', async () => {
    const one = await open('held');
    const held = await holdHead(fixture, one.ledger);
    const messages = [messageOf('held', makeEvents('held', 2)), messageOf('held', makeEvents('held', 2))];
    const settled = one.settle(...messages);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(messages.map(({ acks }) => acks)).toEqual([0, 0]);
    expect(one.batches).toEqual([]);
    await held.release();
    await settled;
    expect(await recordedIds(one.ledger)).toEqual(idsOf(messages));
    await one.appender.stop();
  });

  it('returns from stop what was not begun, and finishes the rest', async () => {
    const one = await open('stopped');
    const held = await holdHead(fixture, one.ledger);
    const messages = Array.from({ length: 12 }, () => messageOf('stopped', makeEvents('stopped', 500)));
    for (const message of messages) one.appender.offer(message);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stopping = one.appender.stop();
    await held.release();
    const left = await stopping;
    const begun = messages.length - left.length;
    // One batch waits for the head, and one was built behind it.
    expect(begun).toBe((2 * BATCH_EVENTS_MAX) / 500);
    expect(left).toEqual(messages.slice(begun));
    expect(messages.map(({ acks }) => acks)).toEqual(messages.map((_, i) => (i < begun ? 1 : 0)));
    expect(await recordedIds(one.ledger)).toEqual(idsOf(messages.slice(0, begun)));
    expect(await one.appender.stop()).toEqual([]);
  });

  it('never dates an entry before the one ahead of it, whatever the clock does', async () => {
    const times = ['2026-03-01T12:00:00.000Z', '2026-02-01T00:00:00.000Z', '2026-03-01T12:00:00.001Z'];
    const clock = { at: 0 };
    const one = await open('clock', () => new Date(times[clock.at]!));
    for (; clock.at < times.length; clock.at++) await one.settle(messageOf('clock', makeEvents('clock', 1)));
    await one.appender.stop();
    // A new instance takes it from what is stored.
    const next = await open('clock', () => new Date(0));
    await next.settle(messageOf('clock', makeEvents('clock', 1)));
    await next.appender.stop();
    const recorded = (await checkedEntries(fixture, one.ledger)).map(({ recordedAt }) => recordedAt);
    expect(recorded).toEqual([times[0], times[0], times[2], times[2]]);
  });

  it('completes tiles on the way', async () => {
    const one = await open('tiles');
    await one.settle(...Array.from({ length: 3 }, () => messageOf('tiles', makeEvents('tiles', 300))));
    await one.appender.stop();
    await checkedEntries(fixture, one.ledger);
    const { rows } = await fixture.admin.query<{ tile_index: string }>('SELECT tile_index FROM tiles WHERE ledger_id = $1 AND level = 0 ORDER BY 1', [one.ledger.ledgerId]);
    expect(rows.map((row) => row.tile_index)).toEqual(['0', '1', '2']);
  });
});

describe('an event that comes again', () => {
  const retried = (event: Event): Event => ({ ...event, producer: { id: 'p-1', sequence: 9 } });

  it('gets the receipt that it has: within a message, a batch, in flight, committed, and after a restart', async () => {
    const one = await open('again');
    const event = makeEvent('again', { data: { n: 1 }, producer: { id: 'p-1', sequence: 1 } });
    const held = await holdHead(fixture, one.ledger);
    const first = messageOf('again', [event, retried(event)]);
    one.appender.offer(first);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const inFlight = messageOf('again', [event]);
    const settled = one.settle(inFlight, messageOf('again', [event]));
    await held.release();
    await settled;
    await first.acked;
    await one.settle(messageOf('again', [makeEvent('again')]));
    const committed = messageOf('again', [event]);
    await one.settle(committed);
    await one.appender.stop();
    const next = await open('again');
    const restarted = messageOf('again', [event, makeEvent('again')], true);
    await next.settle(restarted);
    await next.appender.stop();

    const receipt = one.settlements.get(first)![0]!.recorded[0]!;
    expect(one.settlements.get(first)![0]!.repeated).toEqual([receipt]);
    expect(one.settlements.get(inFlight)![0]).toMatchObject({ recorded: [], repeated: [receipt], refusals: [] });
    expect(one.settlements.get(committed)![0]).toMatchObject({ recorded: [], repeated: [receipt], refusals: [] });
    expect(next.settlements.get(restarted)![0]!.repeated).toEqual([receipt]);
    expect(await recordedIds(one.ledger)).toHaveLength(3);
    expect(one.retries).toEqual([]);
  });

  it('is refused with EVENT_ID_REUSED when it says something else, and told apart from its neighbours', async () => {
    const one = await open('reused');
    const event = makeEvent('reused', { data: { n: 1 } });
    const other = { ...event, data: { n: 2 } };
    const [first] = await one.settle(messageOf('reused', [event, other, makeEvent('reused')]));
    expect(first!.refusals.map(({ id, code, field }) => ({ id, code, field }))).toEqual([{ id: event.id, code: 'EVENT_ID_REUSED', field: 'id' }]);
    const [later] = await one.settle(messageOf('reused', [other]));
    expect(later).toMatchObject({ recorded: [], repeated: [], refusals: [{ code: 'EVENT_ID_REUSED' }] });
    await one.appender.stop();
    const { rows } = await fixture.admin.query<{ code: string; digest: Buffer; chunks: string[]; isMasked: boolean }>('SELECT code, body_digest AS digest, sealed_body AS chunks, is_masked AS "isMasked" FROM quarantine WHERE event_id = $1', [event.id]);
    // The same refused event twice is one row.
    expect(rows.map(({ code }) => code)).toEqual(['EVENT_ID_REUSED']);
    expect(JSON.parse((await SEALER.open('quarantine', 'reused', rows[0]!)).toString())).toEqual(other);
    expect(await recordedIds(one.ledger)).toHaveLength(2);
  });

  it('is taken back without its content once the digest is destroyed', async () => {
    const one = await open('erased');
    const event = makeEvent('erased', { data: { n: 1 } });
    const [first] = await one.settle(messageOf('erased', [event]));
    await fixture.admin.query('UPDATE entries SET content_digest = NULL WHERE ledger_id = $1', [one.ledger.ledgerId]);
    const [again] = await one.settle(messageOf('erased', [{ ...event, data: { n: 2 } }], true));
    await one.appender.stop();
    expect(again).toMatchObject({ recorded: [], repeated: first!.recorded, refusals: [] });
  });

  it('counts its sequence number as arrived', async () => {
    const one = await open('numbers');
    const event = makeEvent('numbers', { producer: { id: 'p-1', sequence: 1 } });
    await one.settle(messageOf('numbers', [event]));
    await one.settle(messageOf('numbers', [retried(event)]));
    await one.appender.stop();
    const { rows } = await fixture.admin.query('SELECT seen FROM producers WHERE ledger_id = $1', [one.ledger.ledgerId]);
    expect(rows).toEqual([{ seen: '{[9,10)}' }]);
  });

  it('costs no memory however long the run of them is', async () => {
    const one = await open('run');
    const messages = Array.from({ length: 24 }, () => messageOf('run', makeEvents('run', 250)));
    await one.settle(...messages);
    const lookups: number[] = [];
    const store = storeOf(fixture);
    const next = new TestAppender(one.ledger, {
      ensureLedger: (tenant) => store.ensureLedger(tenant),
      loadHead: (ledger) => store.loadHead(ledger),
      commit: (commit) => store.commit(commit),
      park: (ledger, subject, body) => store.park(ledger, subject, body),
      parked: (ledger, limit, except) => store.parked(ledger, limit, except),
      unpark: (ledger, ids) => store.unpark(ledger, ids),
      findRecorded: (ledger, ids) => {
        lookups.push(ids.length);
        return store.findRecorded(ledger, ids);
      },
    });
    const again = messages.map(({ events }) => messageOf('run', events, true));
    const settlements = await next.settle(...again);
    await Promise.all([one.appender.stop(), next.appender.stop()]);
    expect(settlements.flatMap(({ recorded }) => recorded)).toEqual([]);
    expect(settlements.flatMap(({ repeated }) => repeated)).toHaveLength(6_000);
    // Each batch looks up what it takes, and nothing twice.
    expect(lookups.reduce((sum, count) => sum + count, 0)).toBe(6_000);
    expect(Math.max(...lookups)).toBeLessThanOrEqual(BATCH_EVENTS_MAX);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { KeyClientError } from '@countersign/key-client';
import type { AppendStore } from '../../src/append/append-store.js';
import type { PersonalSealer } from '../../src/append/sealed-parts.js';
import { spellings, tablesWith } from '@countersign/devstack';
import { makeEvent, makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';
import { around, asAttacker, checkedEntries, holdHead, storeOf } from './append-stand.js';
import { IntakeStand, boundOf as bound, delivery, eventsOn, sealedPart } from './intake-stand.js';
import { parkedCountOf, quarantinedIn, type Quarantined } from './kept-rows.js';

let fixture: LedgerFixture;
const stands: IntakeStand[] = [];
beforeAll(async () => {
  fixture = await startLedgerFixture();
}, 60_000);
afterEach(async () => {
  for (const stand of stands.splice(0)) await stand.intake.stop();
});
afterAll(() => fixture.stop());

function stand(store: AppendStore = storeOf(fixture)): IntakeStand {
  const one = new IntakeStand(store);
  stands.push(one);
  return one;
}

const recordedIds = async (tenant: string): Promise<string[]> => (await checkedEntries(fixture, await storeOf(fixture).ensureLedger(tenant))).map(({ id }) => id);
const ids = (...events: readonly (readonly Event[])[]): string[] => events.flat().map(({ id }) => id);
const parkedCount = (tenant: string): Promise<number> => parkedCountOf(fixture, tenant);
const quarantined = (where: string, value: string): Promise<Quarantined[]> => quarantinedIn(fixture, where, value);

describe('the intake', () => {
  it('records what comes for each ledger, and tells each producer its receipts', async () => {
    const { intake, receive, receipts, grown } = bound(stand());
    const acme = makeEvents('acme', 3);
    const globex = [makeEvent('globex', { type: 'keys.key.rotated' })];
    expect(await receive(eventsOn('acme', acme), eventsOn('globex', globex))).toEqual(['ack', 'ack']);
    expect(await recordedIds('acme')).toEqual(ids(acme));
    expect(await recordedIds('globex')).toEqual(ids(globex));
    expect(receipts('identity')).toMatchObject([{ recorded: acme.map(({ id }, index) => ({ id, index, tenant: 'acme' })), repeated: [] }]);
    expect(receipts('keys')).toMatchObject([{ recorded: [{ id: globex[0]!.id, index: 0 }], repeated: [] }]);
    expect(grown).toEqual(expect.arrayContaining([{ tenant: 'acme', treeSize: 3 }, { tenant: 'globex', treeSize: 1 }]));
    expect(intake.backlogBytes).toBe(0);

    expect(await receive(eventsOn('acme', acme, true))).toEqual(['ack']);
    expect(receipts('identity').at(-1)).toEqual({ recorded: [], repeated: receipts('identity')[0]!.recorded });
  });

  it('splits receipts into messages of 500', async () => {
    const { receive, receipts } = bound(stand());
    await receive(...Array.from({ length: 3 }, () => eventsOn('many', makeEvents('many', 300))));
    expect(receipts('identity').map(({ recorded }) => recorded.length).reduce((sum, count) => sum + count, 0)).toBe(900);
    expect(Math.max(...receipts('identity').map(({ recorded }) => recorded.length))).toBeLessThanOrEqual(500);
  });

  it('refuses one event of several, tells its producer each time, and keeps it once', async () => {
    const { receive, refusals, receipts } = bound(stand());
    const good = makeEvents('refusing', 2);
    const bad = { ...makeEvent('refusing'), severity: 'dire' };
    const message = [good[0], bad, good[1]];
    expect(await receive(delivery('intake.identity.refusing', message))).toEqual(['ack']);
    expect(await receive(delivery('intake.identity.refusing', message, true))).toEqual(['ack']);
    const refusal = { id: bad.id, tenant: 'refusing', code: 'EVENT_FIELD_INVALID', field: 'severity' };
    expect(refusals('identity')).toMatchObject([refusal, refusal]);
    expect(receipts('identity').map(({ recorded, repeated }) => [recorded.length, repeated.length])).toEqual([[2, 0], [0, 2]]);
    const rows = await quarantined('event_id', bad.id);
    expect(rows.map(({ body, ...row }) => ({ ...row, event: JSON.parse(body.toString()) as unknown }))).toEqual([
      { subject: 'intake.identity.refusing', tenant: 'refusing', event_id: bad.id, code: 'EVENT_FIELD_INVALID', field: 'severity', event: bad },
    ]);
    expect(await recordedIds('refusing')).toEqual(ids(good));
  });

  it('stores nothing readable that a sender could choose: ids that are none, names of unknown fields, tokens of a subject', async () => {
    const one = stand();
    const { receive, refusals } = bound(one);
    const name = 'Ana Canary\u0000 82-1-07';
    const event = makeEvent('chosen');
    const bad = [
      { ...event, id: name },
      { ...event, [name]: 1 },
      { ...event, actor: { ...event.actor, [name]: 1 } },
      { ...event, personal: [{ subject: 'u-1', data: {}, [name]: 1 }] },
      { specversion: '1.0', id: name, source: name, type: 'x', time: event.time, [name]: 1 },
    ];
    const good = [makeEvent('chosen')];
    expect(await receive(delivery('intake.identity.chosen', bad), eventsOn('chosen', good), delivery(`intake.identity.${name}`, Buffer.from('x')))).toEqual(['ack', 'ack', 'ack']);
    // Its producer is told what it sent; it is on its way, and kept nowhere.
    expect(refusals('identity').map(({ id, field }) => [id, field].includes(name) || field?.includes('Ana Canary'))).toEqual([true, true, true, true, true]);
    const rows = await quarantined('tenant', 'chosen');
    expect(rows.map(({ code, field, event_id: id }) => [code, field, id])).toEqual([
      ['EVENT_FIELD_INVALID', 'id', null],
      ['EVENT_FIELD_UNKNOWN', '*', event.id],
      ['EVENT_FIELD_UNKNOWN', 'actor.*', event.id],
      ['EVENT_FIELD_UNKNOWN', 'personal[0].*', event.id],
      ['EVENT_FIELD_UNKNOWN', '*', null],
    ]);
    expect(rows.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual(bad);
    expect(await tablesWith(fixture.admin, ['Ana Canary', '82-1-07'].flatMap(spellings))).toEqual([]);
    expect(one.logged.join('')).not.toContain('Canary');
    expect(await recordedIds('chosen')).toEqual(ids(good));
  });

  it.each([
    ['too few words', 'intake.identity', 'intake.identity'],
    ['no tenant that can be', 'intake.identity.Acme', 'intake.identity.*'],
    ['a NUL', 'intake.identity.ac\u0000me', 'intake.identity.*'],
    ['no source that can be', 'intake.Anna.acme', 'intake.*.*'],
    ['four kilobytes', `intake.identity.${'x'.repeat(4_000)}`, 'intake.identity.*'],
  ])('quarantines a message whose subject has %s, once', async (_what, subject, stored) => {
    const { receive } = bound(stand());
    const body = Buffer.from(`body of ${subject.length}`);
    expect(await receive(delivery(subject, body), delivery(subject, body, true))).toEqual(['ack', 'ack']);
    const rows = (await quarantined('code', 'SUBJECT_INVALID')).filter((row) => row.body.equals(body));
    expect(rows.map(({ subject: kept }) => kept)).toEqual([stored]);
  });

  it('quarantines a bad subject although the system ledger is broken', async () => {
    const first = bound(stand());
    await first.receive(eventsOn('system', makeEvents('system', 2)));
    const system = await first.intake.openLedger('system');
    await asAttacker(fixture, "UPDATE heads SET root_hash = decode(repeat('00', 32), 'hex') WHERE ledger_id = $1", [system.ledgerId]);
    expect(await bound(stand()).receive(delivery('intake.lost', Buffer.from('lost')))).toEqual(['ack']);
  });

  it('puts a message back when its ledger cannot be opened or parked for, and counts it no more', async () => {
    const store = storeOf(fixture);
    const away = async (): Promise<never> => Promise.reject(new Error('connect ECONNREFUSED'));
    const unopened = bound(stand({ ...around(store, {}), ensureLedger: away }));
    expect(await unopened.receive(eventsOn('acme', makeEvents('acme', 1)))).toEqual(['nak']);
    const one = stand({ ...around(store, {}), park: away });
    one.stopped.add('unparked');
    expect(await bound(one).receive(eventsOn('unparked', makeEvents('unparked', 1)))).toEqual(['nak']);
    expect([unopened.intake.backlogBytes, one.intake.backlogBytes]).toEqual([0, 0]);
  });
});

describe('messages whose personal parts wait for keys', () => {
  it('are recorded in the order in which they came', async () => {
    const slow: PersonalSealer = {
      async seal(_tenant, parts) {
        await new Promise((resolve) => setTimeout(resolve, 80));
        return parts.map(({ json }) => sealedPart(json));
      },
    };
    const one = new IntakeStand(storeOf(fixture), { personal: slow });
    stands.push(one);
    const { receive } = bound(one);
    const personal = makeEvents('ordered', 2, () => ({ personal: [{ subject: 'u-1', data: { ip: '192.0.2.1' } }] }));
    const plain = makeEvents('ordered', 2);
    expect(await receive(eventsOn('ordered', personal), eventsOn('ordered', plain))).toEqual(['ack', 'ack']);
    expect(await recordedIds('ordered')).toEqual(ids(personal, plain));
  });
});

describe('messages whose keys were at hand when they came', () => {
  it('wait when a key is gone at their turn; what was recorded before stays, and nothing comes twice', async () => {
    const sealed = (json: string) => sealedPart(json);
    const personal: PersonalSealer = {
      seal: async (_tenant, parts) => parts.map(({ json }) => sealed(json)),
      atOnce: {
        forSubjects: () => ({ subject, json }) => {
          if (subject === 'u-2') throw new KeyClientError('LEASE_SPENT', 'used up');
          return sealed(json);
        },
      },
    };
    const one = new IntakeStand(storeOf(fixture), { personal });
    stands.push(one);
    const { receive, receipts } = bound(one);
    const events = makeEvents('leased', 4, (k) => ({ personal: [{ subject: k === 2 ? 'u-2' : 'u-1', data: { ip: '192.0.2.1' } }] }));
    const after = makeEvents('leased', 1);
    expect(await receive(eventsOn('leased', events), eventsOn('leased', after))).toEqual(['ack', 'ack']);
    expect(await recordedIds('leased')).toEqual(ids(events.slice(0, 2), after));
    expect([...one.waiting.values()].map(({ subject }) => subject)).toEqual(['intake.identity.leased']);
    expect(one.intake.backlogBytes).toBe(0);

    const [{ subject, data }] = [...one.waiting.values()] as [{ subject: string; data: Uint8Array }];
    const again = delivery(subject, data);
    await one.intake.receiveWaiting(again);
    expect(await again.outcome).toBe('ack');
    await one.intake.told();
    expect(await recordedIds('leased')).toEqual(ids(events.slice(0, 2), after, events.slice(2)));
    expect(receipts('identity').flatMap(({ recorded }) => recorded.map(({ id }) => id)).sort()).toEqual(ids(events, after).sort());
  });
});

describe('the intake of a stopped ledger', () => {
  it('parks what is queued and what comes, and records it in order when the ledger goes on', async () => {
    const { intake, receive, receipts } = bound(stand());
    const ledger = await intake.openLedger('pausing');
    const held = await holdHead(fixture, ledger);
    const early = Array.from({ length: 12 }, () => makeEvents('pausing', 500));
    const earlyReceived = receive(...early.map((events) => eventsOn('pausing', events)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stopping = intake.stopLedger('pausing');
    const late = Array.from({ length: 3 }, () => makeEvents('pausing', 2));
    const lateReceived = receive(...late.map((events) => eventsOn('pausing', events)));
    await held.release();
    await stopping;
    expect(new Set([...(await earlyReceived), ...(await lateReceived)])).toEqual(new Set(['ack']));
    // However many were under way when it was stopped: they are recorded, in order, and all others are parked.
    const recorded = await recordedIds('pausing');
    const messages = recorded.length / 500;
    expect(messages).toBeLessThan(early.length);
    expect(recorded).toEqual(ids(...early.slice(0, messages)));
    expect(await parkedCount('pausing')).toBe(early.length - messages + late.length);
    expect(await intake.isStopped('pausing')).toBe(true);

    await intake.resume('pausing');
    expect(await recordedIds('pausing')).toEqual(ids(...early, ...late));
    expect(await parkedCount('pausing')).toBe(0);
    expect(receipts('identity').flatMap(({ recorded }) => recorded)).toHaveLength(6_006);
    expect(intake.backlogBytes).toBe(0);
    expect(await receive(eventsOn('pausing', makeEvents('pausing', 1)))).toEqual(['ack']);
  });

  it('strands nothing that comes while the ledger goes on again', async () => {
    const { intake, receive } = bound(stand());
    await intake.stopLedger('rushing');
    const parked = Array.from({ length: 120 }, () => makeEvents('rushing', 1));
    await receive(...parked.map((events) => eventsOn('rushing', events)));
    const meanwhile = Array.from({ length: 60 }, () => makeEvents('rushing', 1));
    const resuming = Promise.all([intake.resume('rushing'), intake.resume('rushing')]);
    const received = meanwhile.map(async (events, i) => {
      await new Promise((resolve) => setTimeout(resolve, i));
      return receive(eventsOn('rushing', events));
    });
    await resuming;
    await Promise.all(received);
    expect(await parkedCount('rushing')).toBe(0);
    expect((await recordedIds('rushing')).sort()).toEqual(ids(...parked, ...meanwhile).sort());
  });

  it('finds a message whose parking begins just before it goes on, however slow that is', async () => {
    const store = storeOf(fixture);
    const [early, late] = [makeEvents('slow', 1), makeEvents('slow', 1)];
    let received: Promise<unknown> | undefined;
    const one = bound(
      stand({
        ...around(store, {}),
        park: async (ledger, subject, body) => {
          if (received !== undefined) await new Promise((resolve) => setTimeout(resolve, 150));
          await store.park(ledger, subject, body);
        },
        unpark: async (ledger, parkedIds) => {
          await store.unpark(ledger, parkedIds);
          received ??= one.receive(eventsOn('slow', late));
          await new Promise((resolve) => setTimeout(resolve, 20));
        },
      }),
    );
    await one.intake.stopLedger('slow');
    await one.receive(eventsOn('slow', early));
    await one.intake.resume('slow');
    await received;
    expect([await recordedIds('slow'), await parkedCount('slow')]).toEqual([ids(early, late), 0]);
  });

  it('begins with what a former instance parked', async () => {
    const first = stand();
    first.stopped.add('handed-over');
    const parked = [makeEvents('handed-over', 2), makeEvents('handed-over', 3)];
    await bound(first).receive(...parked.map((events) => eventsOn('handed-over', events)));
    expect(await recordedIds('handed-over')).toEqual([]);
    const fresh = makeEvents('handed-over', 1);
    expect(await bound(stand()).receive(eventsOn('handed-over', fresh))).toEqual(['ack']);
    expect(await recordedIds('handed-over')).toEqual(ids(...parked, fresh));
  });

  it('keeps the same message once, however often it is sent', async () => {
    const one = stand();
    one.stopped.add('insisting');
    const events = makeEvents('insisting', 2);
    expect(await bound(one).receive(...Array.from({ length: 5 }, () => eventsOn('insisting', events, true)))).toEqual(Array(5).fill('ack'));
    expect(await parkedCount('insisting')).toBe(1);
  });

  it('opens all the same when the parked messages meet a break, and keeps them', async () => {
    const first = bound(stand());
    await first.receive(eventsOn('broken', makeEvents('broken', 2)));
    const ledger = await first.intake.openLedger('broken');
    await first.intake.stopLedger('broken');
    const parked = makeEvents('broken', 3);
    await first.receive(eventsOn('broken', parked));
    await asAttacker(fixture, "UPDATE heads SET root_hash = decode(repeat('00', 32), 'hex') WHERE ledger_id = $1", [ledger.ledgerId]);

    const second = stand();
    const broken = second.whenBroken();
    const late = makeEvents('broken', 1);
    expect(await bound(second).receive(eventsOn('broken', late))).toEqual(['ack']);
    await broken;
    expect(second.faults).toEqual([{ tenant: 'broken', code: 'HEAD_ROOT_MISMATCH' }]);
    expect(await parkedCount('broken')).toBe(2);
    expect(second.intake.backlogBytes).toBe(0);
    await second.intake.stopLedger('broken');
    expect(await second.intake.isStopped('broken')).toBe(true);
  });

  it('parks later what could not be parked when the ledger stopped', async () => {
    const store = storeOf(fixture);
    let away = true;
    const park: AppendStore['park'] = (ledger, subject, body) => (away ? Promise.reject(new Error('ECONNREFUSED')) : store.park(ledger, subject, body));
    const one = stand({ ...around(store, { before: () => (away ? Promise.reject(new Error('ECONNREFUSED')) : Promise.resolve()) }), park });
    const { intake } = one;
    const queued = [eventsOn('later', makeEvents('later', 1)), eventsOn('later', makeEvents('later', 1))];
    for (const message of queued) await intake.receive(message);
    await expect(intake.stopLedger('later')).rejects.toThrow('ECONNREFUSED');
    expect(await intake.isStopped('later')).toBe(true);
    expect(queued.map(({ settled }) => settled)).toEqual([[], []]);
    away = false;
    await intake.stopLedger('later');
    expect(queued.map(({ settled }) => settled)).toEqual([['ack'], ['ack']]);
    expect([await parkedCount('later'), intake.backlogBytes]).toEqual([2, 0]);
  });

  it('ends in time while parked messages wait for a database that is away', async () => {
    const first = stand();
    first.stopped.add('ending');
    await bound(first).receive(eventsOn('ending', makeEvents('ending', 1)));
    const second = stand(around(storeOf(fixture), { before: () => Promise.reject(new Error('ECONNREFUSED')) }));
    const opening = second.intake.openLedger('ending');
    while (!second.logged.some((line) => line.includes('append failed'))) await new Promise((resolve) => setTimeout(resolve, 5));
    await second.intake.stop();
    await opening;
    expect(await parkedCount('ending')).toBe(1);
  });
});

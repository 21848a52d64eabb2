import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { KeyClientError, type KeyClientErrorCode } from '@countersign/key-client';
import type { SealedBody } from '../../src/append/body-sealer.js';
import { sealClearBodies } from '../../src/append/clear-bodies.js';
import type { WaitingPlace } from '../../src/append/intake-service.js';
import type { PersonalSealer } from '../../src/append/sealed-parts.js';
import { PgKeptBodies } from '../../src/store/pg-kept-bodies.js';
import { MIGRATIONS_DIR } from '../../src/store/provision.js';
import { spellings, tablesWith } from '@countersign/devstack';
import { makeEvent, makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';
import { asAttacker, checkedEntries, FIELDS, holdHead, SEALER, sealerOver, storeOf } from './append-stand.js';
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

function stand(): IntakeStand {
  const one = new IntakeStand(storeOf(fixture));
  stands.push(one);
  return one;
}

const recordedIds = async (tenant: string): Promise<string[]> => (await checkedEntries(fixture, await storeOf(fixture).ensureLedger(tenant))).map(({ id }) => id);
const ids = (...events: readonly (readonly Event[])[]): string[] => events.flat().map(({ id }) => id);
const parkedCount = (tenant: string): Promise<number> => parkedCountOf(fixture, tenant);
const quarantined = (where: string, value: string): Promise<Quarantined[]> => quarantinedIn(fixture, where, value);

describe('while no key can be had', () => {
  const CANARY = 'Ana Canary 82-1-07';
  /** Keys that are away until they are back, as the ledger meets them. */
  function keys() {
    const state = { areAway: true, code: 'KEYS_UNAVAILABLE' as KeyClientErrorCode };
    const answer = (): void => {
      if (state.areAway) throw new KeyClientError(state.code, 'away');
    };
    const sealer = sealerOver({
      seal: async (...args) => (answer(), FIELDS.seal(...args)),
      open: async (...args) => (answer(), FIELDS.open(...args)),
    });
    const personal: PersonalSealer = {
      seal: async (_tenant, parts) => (answer(), parts.map(({ json }) => sealedPart(json))),
    };
    const open = (waiting?: WaitingPlace): IntakeStand => {
      const one = new IntakeStand(storeOf(fixture), { personal, sealer, ...(waiting === undefined ? {} : { waiting }) });
      stands.push(one);
      return one;
    };
    return { state, open };
  }

  /** Brings what waits, as the bus does, and says what became of it. */
  async function bringWaiting(one: IntakeStand): Promise<('ack' | 'nak')[]> {
    const waiting = [...one.waiting.values()].map(({ subject, data }) => delivery(subject, data, true));
    await Promise.all(waiting.map((message) => one.intake.receiveWaiting(message)));
    const outcomes = await Promise.all(waiting.map(({ outcome }) => outcome));
    await one.intake.told();
    return outcomes;
  }

  it('a refusal waits with its message, whose other events are recorded; nothing lies in the clear', async () => {
    const { state, open } = keys();
    const one = open();
    const { receive, refusals } = bound(one);
    const good = [makeEvent('keyless')];
    const bad = { ...makeEvent('keyless'), severity: CANARY };
    expect(await receive(delivery('intake.identity.keyless', [...good, bad]), delivery('intake.lost', Buffer.from(CANARY)))).toEqual(['ack', 'ack']);
    expect([...one.waiting.values()].map(({ subject }) => subject).sort()).toEqual(['intake.identity.keyless', 'intake.lost']);
    expect(await recordedIds('keyless')).toEqual(ids(good));
    expect(refusals('identity')).toEqual([]);
    expect(await quarantined('tenant', 'keyless')).toEqual([]);
    expect(await receive(eventsOn('keyless', makeEvents('keyless', 2)))).toEqual(['ack']);
    expect(await bringWaiting(one)).toEqual(['nak', 'nak']);
    expect(one.intake.backlogBytes).toBe(0);

    state.areAway = false;
    expect(await bringWaiting(one)).toEqual(['ack', 'ack']);
    expect(refusals('identity')).toMatchObject([{ id: bad.id, code: 'EVENT_FIELD_INVALID' }]);
    expect((await quarantined('tenant', 'keyless')).map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([bad]);
    expect(await recordedIds('keyless')).toHaveLength(3);
    expect(await tablesWith(fixture.admin, spellings(CANARY))).toEqual([]);
  });

  it('stays in the intake what cannot even be kept elsewhere', async () => {
    const one = keys().open({ keep: () => Promise.reject(new Error('full')) });
    expect(await bound(one).receive(eventsOn('crowded', makeEvents('crowded', 1, () => ({ personal: [{ subject: 'u-1', data: { name: CANARY } }] }))))).toEqual(['nak']);
    expect(await bound(one).receive(eventsOn('crowded', makeEvents('crowded', 1)))).toEqual(['ack']);
  });

  it('what cannot be parked waits, and a ledger stops all the same', async () => {
    const { state, open } = keys();
    const one = open();
    const { intake, receive } = bound(one);
    const ledger = await intake.openLedger('sealing');
    const held = await holdHead(fixture, ledger);
    const sent = Array.from({ length: 8 }, () => makeEvents('sealing', 500));
    const received = receive(...sent.map((events) => eventsOn('sealing', events)));
    const stopping = intake.stopLedger('sealing');
    await held.release();
    await stopping;
    expect(new Set(await received)).toEqual(new Set(['ack']));
    const before = one.waiting.size;
    expect(before).toBeGreaterThan(0);
    expect(await receive(eventsOn('sealing', makeEvents('sealing', 1)))).toEqual(['ack']);
    expect([one.waiting.size, await parkedCount('sealing'), intake.backlogBytes]).toEqual([before + 1, 0, 0]);
    state.areAway = false;
    expect(new Set(await bringWaiting(one))).toEqual(new Set(['ack']));
    expect(await parkedCount('sealing')).toBe(before + 1);
    await intake.resume('sealing');
    expect(await recordedIds('sealing')).toHaveLength(8 * 500 + 1);
  });

  it('a ledger with parked messages opens, appends, and takes them up when the keys are back', async () => {
    const { state, open } = keys();
    state.areAway = false;
    const first = open();
    first.stopped.add('reopened');
    const parked = [makeEvents('reopened', 2, () => ({ personal: [{ subject: 'u-1', data: { name: CANARY } }] })), makeEvents('reopened', 1)];
    await bound(first).receive(...parked.map((events) => eventsOn('reopened', events)));
    expect(await tablesWith(fixture.admin, spellings(CANARY))).toEqual([]);
    const ledger = await storeOf(fixture).ensureLedger('reopened');
    const rows = await storeOf(fixture).parked(ledger, 10, []);
    const bodies = await Promise.all(rows.map(({ body }) => SEALER.open('parked', 'reopened', body as SealedBody)));
    // Beneath the tenant's key there is the subject's.
    expect(bodies.map((body) => body.includes(CANARY))).toEqual([false, false]);
    // The same again is known, though its parts are sealed anew.
    await bound(first).receive(eventsOn('reopened', parked[0]!, true));
    expect(await parkedCount('reopened')).toBe(2);
    await first.intake.stop();

    state.areAway = true;
    const second = open();
    const fresh = makeEvents('reopened', 2);
    expect(await bound(second).receive(eventsOn('reopened', fresh))).toEqual(['ack']);
    expect(await recordedIds('reopened')).toEqual(ids(fresh));
    expect(await parkedCount('reopened')).toBe(2);
    // Stopped and gone on again meanwhile, it still knows of them.
    await second.intake.stopLedger('reopened');
    await second.intake.resume('reopened');
    state.areAway = false;
    while ((await parkedCount('reopened')) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await recordedIds('reopened')).toEqual(ids(fresh, ...parked));
    expect(second.intake.backlogBytes).toBe(0);
  });

  const badEvent = (tenant: string): Event => ({ ...makeEvent(tenant), severity: CANARY as 'info' });
  const stuckOf = async (one: IntakeStand): Promise<string[]> => (await one.registry.metrics()).split('\n').filter((line) => line.startsWith('countersign_ledger_messages_stuck_total{'));
  const told = (one: IntakeStand): number => one.logged.filter((line) => line.includes('a message is stuck')).length;

  it('one whose key is refused waits for longer than the others, is counted each time, and told once in a while', async () => {
    const { state, open } = keys();
    state.code = 'KEY_PURPOSE_FORBIDDEN';
    const one = open();
    const personal = makeEvents('refused', 1, () => ({ personal: [{ subject: 'u-1', data: { name: CANARY } }] }));
    expect(await bound(one).receive(eventsOn('refused', personal), eventsOn('refused', [badEvent('refused')]))).toEqual(['ack', 'ack']);
    expect(one.waiting.size).toBe(2);
    const delays: number[] = [];
    const again = [...one.waiting.values()].map(({ subject, data }) => delivery(subject, data, true));
    for (const message of again) await one.intake.receiveWaiting({ ...message, nak: (delayMs) => (delays.push(delayMs), message.nak(delayMs)) });
    expect(await Promise.all(again.map(({ outcome }) => outcome))).toEqual(['nak', 'nak']);
    expect(delays).toEqual([60_000, 60_000]);
    expect(await stuckOf(one)).toEqual([expect.stringMatching(/tenant="refused",code="KEY_PURPOSE_FORBIDDEN".* 4$/)]);
    expect(told(one)).toBe(1);
    expect(one.intake.backlogBytes).toBe(0);
  });

  it('a parked message whose key is refused stays, is told, and holds up neither its ledger nor the others', async () => {
    const first = stand();
    first.stopped.add('forbidden');
    const parked = [badEvent('forbidden'), ...makeEvents('forbidden', 1)];
    for (const event of parked) await bound(first).receive(eventsOn('forbidden', [event]));
    await first.intake.stop();
    const refusing = sealerOver({ seal: () => Promise.reject(new KeyClientError('KEY_PURPOSE_FORBIDDEN', 'no')), open: FIELDS.open.bind(FIELDS) });
    const second = new IntakeStand(storeOf(fixture), { sealer: refusing });
    stands.push(second);
    expect(await bound(second).receive(eventsOn('forbidden', makeEvents('forbidden', 1)))).toEqual(['ack']);
    expect((await recordedIds('forbidden'))[0]).toBe(parked[1]!.id);
    expect(await recordedIds('forbidden')).toHaveLength(2);
    expect(await parkedCount('forbidden')).toBe(1);
    expect(await stuckOf(second)).toEqual([expect.stringContaining('tenant="forbidden",code="KEY_PURPOSE_FORBIDDEN"')]);
    await second.intake.stop();
    // Once somebody has mended it, the ledger takes it up when it is started.
    const third = stand();
    await third.intake.openLedger('forbidden');
    expect(await parkedCount('forbidden')).toBe(0);
    expect((await quarantined('tenant', 'forbidden')).map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([parked[0]]);
  });

  it('a parked message that somebody has changed stays, is told, and holds up no other', async () => {
    const one = stand();
    one.stopped.add('changed');
    const parked = [makeEvents('changed', 1), makeEvents('changed', 1)];
    await bound(one).receive(...parked.map((events) => eventsOn('changed', events)));
    await asAttacker(fixture, "UPDATE parked_messages SET sealed_body = ARRAY['v2:x'] WHERE parked_id = (SELECT min(parked_id) FROM parked_messages JOIN ledgers USING (ledger_id) WHERE tenant = $1)", ['changed']);
    await one.intake.resume('changed');
    expect(await recordedIds('changed')).toEqual(ids(parked[1]!));
    expect(await parkedCount('changed')).toBe(1);
    expect(one.logged.join('')).toContain('"code":"FIELD_MALFORMED"');
  });
});

describe('bodies that a former version left in the clear', () => {
  it('are sealed row by row, also when the same came again since', async () => {
    const kept = new PgKeptBodies(fixture.runtime);
    const { receive } = bound(stand());
    const ledger = await storeOf(fixture).ensureLedger('former');
    const bad = (n: number): Buffer => Buffer.from(JSON.stringify({ name: `Former Canary ${n}` }));
    await receive(delivery('intake.identity.former', bad(0)));
    const insert = 'INSERT INTO quarantine (subject, code, message, body, body_digest) SELECT $1, $2, $3, b, sha256(b) FROM unnest($4::bytea[]) AS b';
    await fixture.admin.query(insert, ['intake.identity.former', 'EVENT_FIELD_UNKNOWN', 'm', [bad(0), bad(1)]]);
    await fixture.admin.query(insert, ['intake.lost', 'SUBJECT_INVALID', 'm', [bad(2)]]);
    await fixture.admin.query('INSERT INTO parked_messages (ledger_id, subject, body, body_digest) SELECT $1, $2, b, sha256(b) FROM unnest($3::bytea[]) AS b', [ledger.ledgerId, 'intake.identity.former', [bad(3)]]);
    await expect(sealClearBodies(kept, sealerOver({ seal: () => Promise.reject(new KeyClientError('KEYS_UNAVAILABLE', 'away')), open: () => Promise.reject(new Error()) }))).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    expect(await sealClearBodies(kept, SEALER)).toBe(4);
    expect(await sealClearBodies(kept, SEALER)).toBe(0);
    expect(await tablesWith(fixture.admin, spellings('Former Canary'))).toEqual([]);
    expect((await quarantined('tenant', 'former')).map(({ body }) => body)).toEqual([bad(0), bad(0), bad(1)]);
    expect((await quarantined('subject', 'intake.lost')).at(-1)!.body).toEqual(bad(2));
    const { rows } = await fixture.admin.query<{ digest: Buffer; chunks: string[]; isMasked: boolean }>('SELECT body_digest AS digest, sealed_body AS chunks, is_masked AS "isMasked" FROM parked_messages WHERE ledger_id = $1', [ledger.ledgerId]);
    expect(await SEALER.open('parked', 'former', rows[0]!)).toEqual(bad(3));
  });

  it('lose what stood beside them and could be chosen by a sender', async () => {
    const id = makeEvent('former').id;
    const insert = "INSERT INTO quarantine (subject, event_id, code, field, message, sealed_body, body_digest) VALUES ($1, $2, $3, $4, $5, ARRAY['v2:x'], sha256(gen_random_uuid()::text::bytea))";
    for (const row of [
      ['intake.identity.left', 'Former Canary', 'EVENT_FIELD_UNKNOWN', 'actor.Former Canary', 'actor.Former Canary is not a field of an event'],
      ['intake.identity.left', id, 'EVENT_FIELD_INVALID', 'severity', 'm'],
      ['intake.identity.Former Canary', 'x', 'SUBJECT_INVALID', 'subject', 'm'],
    ]) await fixture.admin.query(insert, row);
    const migration = await readFile(join(MIGRATIONS_DIR, '0007_nothing_chosen_in_the_clear.sql'), 'utf8');
    await fixture.admin.query(migration.slice(0, migration.indexOf('-- Down')));
    const { rows } = await fixture.admin.query("SELECT event_id, field, message FROM quarantine WHERE subject = 'intake.identity.left' ORDER BY quarantine_id");
    expect(rows).toEqual([
      { event_id: null, field: 'actor.*', message: 'actor has a field that events do not have; its name is in the sealed body' },
      { event_id: id, field: 'severity', message: 'm' },
    ]);
    expect(await tablesWith(fixture.admin, spellings('Former Canary'))).toEqual([]);
    await fixture.admin.query("DELETE FROM quarantine WHERE subject LIKE 'intake.identity.left' OR subject LIKE 'intake.identity.*.%'");
  });

  it.each([
    ['put another sealed body in its place', "UPDATE quarantine SET sealed_body = ARRAY['v2:x'] WHERE tenant = 'kept'"],
    ['put it in the clear', "UPDATE quarantine SET body = 'x', sealed_body = NULL WHERE tenant = 'kept'"],
    ['empty it', "UPDATE quarantine SET sealed_body = NULL WHERE tenant = 'kept'"],
    ['delete it', "DELETE FROM quarantine WHERE tenant = 'kept'"],
  ])('of a sealed one the service itself cannot %s', async (_what, sql) => {
    await bound(stand()).receive(delivery('intake.identity.kept', Buffer.from('kept')));
    await expect(fixture.runtime.query(sql)).rejects.toMatchObject({ code: '42501' });
    expect((await quarantined('tenant', 'kept')).map(({ body }) => body.toString())).toEqual(['kept']);
  });
});

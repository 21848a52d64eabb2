import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { registerEventStoreMetrics } from '../src/index.js';
import { install, onDoor } from './contract-append.js';
import { door } from './door.js';
import { rejection, settled, until, type Ground } from './stand.js';

const recordedOf = ({ stand }: Ground, ids: readonly string[]) => stand().book.recorded.filter(({ id }) => ids.includes(id)).map(({ json }) => JSON.parse(json) as Record<string, unknown>);
const denied = ({ store }: Ground) => store().execute(door, onDoor({ do: 'open', badge: 'b9', now: '2026-11-22' }, { correlationId: 'req_1' }));

/** What becomes of stored events: number, ledger event, receipt. */
export function ledgerContract(ground: Ground): void {
  const { stand, store } = ground;
  describe('the ledger', () => {
    it('is told every event, numbered, and its receipt lies beside the event', async () => {
      const installed = await store().execute(door, onDoor(install));
      const refused = await denied(ground);
      await settled(store());
      const [event] = refused.events as [(typeof refused.events)[0]];
      const numbers = recordedOf(ground, [installed.events[0]!.id, event.id]).map(({ producer }) => producer as { id: string; sequence: number });
      expect(numbers).toEqual([numbers[0], { id: expect.stringMatching(/^doors-[0-9a-f]{16}$/), sequence: numbers[0]!.sequence + 1 }]);
      const { id, time } = event;
      expect(recordedOf(ground, [id])).toEqual([
        {
          id, time, type: 'doors.entry.denied', source: 'doors', tenant: 'acme', severity: 'warning', outcome: 'denied',
          actor: { type: 'user', id: 'usr_ada' }, correlationId: 'req_1', data: { badge: 'b9' }, producer: numbers[1],
        },
      ]);
      expect(await store().ledger.receipt(id)).toEqual({ index: expect.any(Number), eventHash: expect.stringMatching(/^[0-9a-f]{64}$/), recordedAt: expect.any(String) });
    });

    it('may be away: events wait, are reported as overdue, and arrive once each', async () => {
      await stand().stopLedger();
      const { events } = await store().execute(door, onDoor(install));
      for (let at = 0; at < 4; at++) await denied(ground);
      const registry = new Registry();
      registerEventStoreMetrics(store(), registry, { olderThanMs: 20 });
      await until('the oldest is overdue', async () => (await store().ledger.unreceipted(20)).count === 5);
      expect(await store().ledger.unreceipted(60_000)).toEqual({ count: 0, refused: 0, oldest: undefined });
      expect((await store().ledger.unreceipted(20)).oldest).toEqual({ eventId: events[0]!.id, ageMs: expect.any(Number) });
      expect(await registry.metrics()).toMatch(/event_store_unreceipted_events 5\n[^]*event_store_unreceipted_oldest_seconds 0\.\d+\n[^]*event_store_refused_events 0\n/);
      expect(await store().ledger.receipt(events[0]!.id)).toBeUndefined();
      await stand().startLedger();
      await settled(store());
      expect(recordedOf(ground, [events[0]!.id])).toHaveLength(1);
      expect(await registry.metrics()).toMatch(/event_store_unreceipted_events 0\n/);
    });

    it('gives a receipt that stays when the answer comes again', async () => {
      const { events } = await store().execute(door, onDoor(install));
      await settled(store());
      const receipt = await store().ledger.receipt(events[0]!.id);
      const change = (sql: string) => rejection(stand().pool.query(sql));
      expect(await change('UPDATE doors.event_relay SET ledger_index = -1')).toBe('42501');
      expect(await change("UPDATE doors.event_relay SET event_hash = 'other'")).toBe('42501');
      expect(await change('UPDATE doors.event_relay SET sequence = sequence + 1')).toBe('42501');
      expect(await change('UPDATE doors.event_relay SET ledger_index = NULL, event_hash = NULL, recorded_at = NULL')).toBe('42501');
      expect(await store().ledger.receipt(events[0]!.id)).toEqual(receipt);
    });
  });
}

/** Events that never get a receipt. */
export function refusalContract(ground: Ground): void {
  const { stand, store } = ground;
  describe('an event without a receipt', () => {
    it('was refused by the ledger: it is kept with the code, counted, and holds up nothing', async () => {
      await stand().stopLedger();
      const { events } = await store().execute(door, onDoor(install));
      const id = events[0]!.id;
      stand().book.refusing.set(id, 'EVENT_ID_REUSED');
      await denied(ground);
      await stand().startLedger();
      await settled(store());
      expect(await store().ledger.refusals()).toEqual([
        { eventId: id, tenant: 'acme', stream: 'door/17', version: 1, code: 'EVENT_ID_REUSED', field: 'data', message: 'refused by the test' },
      ]);
      expect(await store().ledger.unreceipted(0)).toMatchObject({ count: 1, refused: 1, oldest: { eventId: id } });
      const registry = new Registry();
      registerEventStoreMetrics(store(), registry, { olderThanMs: 0 });
      expect(await registry.metrics()).toMatch(/event_store_refused_events 1\n/);
      stand().book.refusing.clear();
    });

    it.each([
      ['cut off', 'left(event, 40)'],
      ['given another id', "replace(event, event_id::text, gen_random_uuid()::text)"],
    ])('was %s in the database: it is refused here, and holds up nothing', async (_how, change) => {
      const quiet = stand().open({ relay: undefined });
      await store().close();
      const { events } = await quiet.execute(door, onDoor(install));
      const { events: next } = await quiet.execute(door, onDoor({ do: 'open', badge: 'b', now: '' }));
      await stand().owner.query(`UPDATE doors.events SET event = ${change} WHERE version = 1`);
      const relaying = stand().open();
      await settled(relaying);
      expect(await relaying.ledger.refusals()).toMatchObject([{ eventId: events[0]!.id, code: 'STREAM_DAMAGED' }]);
      expect(await relaying.ledger.receipt(next[0]!.id)).toBeDefined();
    });
  });
}

/** What the database refuses the service itself. */
export function roleContract({ stand, store }: Ground): void {
  describe('the service\'s role', () => {
    it.each([
      "UPDATE doors.events SET event = '{}'",
      'UPDATE doors.events SET personal = NULL',
      'DELETE FROM doors.events',
      'TRUNCATE doors.events CASCADE',
      'DELETE FROM doors.event_relay',
      'UPDATE doors.event_relay SET appended_at = now()',
      'DELETE FROM doors.event_commands',
      "UPDATE doors.event_commands SET stream = 'x'",
      "UPDATE doors.event_producer SET producer_id = 'x'",
      'DELETE FROM doors.event_producer',
    ])('may not: %s', async (sql) => {
      await store().execute(door, onDoor(install));
      expect(await rejection(stand().pool.query(sql))).toBe('42501');
    });

    it('cannot commit an event that the ledger is not told', async () => {
      const insert = "INSERT INTO doors.events VALUES ('acme', 's', 1, gen_random_uuid(), 'doors.door.opened', now(), '{}', NULL)";
      expect(await rejection(stand().pool.query(insert))).toBe('23503');
    });
  });
}

import { describe, expect, it } from '@jest/globals';
import type { EventStoreFault } from '../src/index.js';
import { all, opening } from './contract-append.js';
import { ACTOR, rejection, type Ground } from './stand.js';

/** New streams of one event. */
export function startContract({ stand, store }: Ground): void {
  describe('starting a stream', () => {
    it('is done for many at once: each stored once, those that exist told apart, in few transactions', async () => {
      const start = (at: number) => store().start({ tenant: 'acme', stream: `request/${at}`, event: opening(`b${at}`), actor: ACTOR });
      await start(3);
      const outcomes = await Promise.all([...Array(60).keys(), 7].map((at) => start(at).then(() => 'stored', (error: EventStoreFault) => error.code)));
      expect(outcomes.flatMap((outcome, at) => (outcome === 'stored' ? [] : [[at, outcome]]))).toEqual([[3, 'STREAM_VERSION_CONFLICT'], [60, 'STREAM_VERSION_CONFLICT']]);
      expect(await all(store().read('acme', 'request/7'))).toMatchObject([{ type: 'doors.door.opened', version: 1, data: { badge: 'b7' } }]);
      const { rows } = await stand().owner.query<{ events: number; relayed: number; transactions: number }>(
        'SELECT count(*)::int AS events, count(r.event_id)::int AS relayed, count(DISTINCT e.xmin::text)::int AS transactions FROM doors.events AS e LEFT JOIN doors.event_relay AS r USING (event_id)',
      );
      expect(rows[0]).toMatchObject({ events: 60, relayed: 60 });
      expect(rows[0]!.transactions).toBeLessThan(20);
    });

    it('is refused with what the ledger would refuse', async () => {
      expect(await rejection(store().start({ tenant: 'acme', stream: 'request/1', event: { type: 'other.door.opened' }, actor: ACTOR }))).toBe('EVENT_FIELD_INVALID');
      expect(await rejection(store().start({ tenant: 'acme', stream: 'a b', event: opening('b'), actor: ACTOR }))).toBe('STREAM_MALFORMED');
    });
  });
}

import { describe, expect, it } from '@jest/globals';
import { defineAggregate, type OpenedPart, type RecordedEvent } from '../src/index.js';
import { install, onDoor } from './contract-append.js';
import { door, projectDoor } from './door.js';
import { rejection, settled, until, type Ground } from './stand.js';

const CANARY = 'Wilhelmina Canary-Ferro';
/** The door, but for those who must see names. */
const register = defineAggregate({
  ...door,
  initialState: [] as readonly OpenedPart[],
  decide: () => [],
  evolve: (holders: readonly OpenedPart[], event: { readonly personal?: readonly OpenedPart[] }) => [...holders, ...(event.personal ?? [])],
  opensPersonal: true,
});

const granting = (holder: string, name = CANARY) => onDoor({ do: 'grant', badge: `b_${holder}_${name.length}`, until: '2027-01-01', holder, name });

function toldLedger({ stand }: Ground, id: string): unknown {
  return (JSON.parse(stand().book.recorded.find((event) => event.id === id)?.json ?? '{}') as { personal?: unknown }).personal;
}

async function everyRow({ stand }: Ground): Promise<string> {
  const { rows } = await stand().owner.query<{ table: string }>("SELECT format('%I.%I', schemaname, tablename) AS table FROM pg_tables WHERE schemaname = 'doors'");
  const texts = await Promise.all(rows.map(async ({ table }) => JSON.stringify((await stand().owner.query(`SELECT * FROM ${table}`)).rows)));
  return texts.join('\n');
}

/** Sealed in the database, open in the ledger. */
export function personalContract(ground: Ground): void {
  const { stand, store } = ground;
  describe('personal parts', () => {
    it('are in clear for the ledger and for those who ask, and nowhere in the database', async () => {
      await store().execute(door, onDoor(install));
      let projected: readonly RecordedEvent[] = [];
      const { events } = await store().execute(door, { ...granting('usr_bo'), project: (client, given) => projectDoor(client, (projected = given)) });
      await settled(store());
      const id = events[0]!.id;
      expect(toldLedger(ground, id)).toEqual([{ subject: 'usr_bo', data: { name: CANARY } }]);
      expect(await store().openPersonal(events)).toEqual([[{ subject: 'usr_bo', data: { name: CANARY } }]]);
      expect(await store().load(register, 'acme', '17')).toEqual({ version: 2, state: [{ subject: 'usr_bo', data: { name: CANARY } }] });
      expect(projected).toEqual(events);
      expect(JSON.stringify(events)).not.toContain(CANARY);
      const rows = await everyRow(ground);
      expect(rows).toContain(id);
      expect(rows).not.toContain(CANARY);
      for (const encoding of ['hex', 'base64', 'base64url'] as const) expect(rows).not.toContain(Buffer.from(CANARY).toString(encoding).slice(0, 28));
    });

    it('cost no request when nobody asks for them', async () => {
      await store().execute(door, onDoor(install));
      await store().execute(door, granting('usr_bo'));
      await settled(store());
      const { calls } = stand().cipher;
      await store().load(door, 'acme', '17');
      expect(stand().cipher.calls).toBe(calls);
    });

    it('are refused without a cipher', async () => {
      const blind = stand().open({ cipher: undefined, relay: undefined });
      await blind.execute(door, onDoor(install));
      expect(await rejection(blind.execute(door, granting('usr_bo')))).toBe('PERSONAL_WITHOUT_CIPHER');
      await store().execute(door, granting('usr_bo'));
      expect(await rejection(blind.load(register, 'acme', '17'))).toBe('PERSONAL_WITHOUT_CIPHER');
      expect(await blind.load(door, 'acme', '17')).toMatchObject({ version: 2 });
    });

    it('are not stored at all while the key service is away, and are sent when it is back', async () => {
      await stand().stopLedger();
      await store().execute(door, onDoor(install));
      const { events } = await store().execute(door, granting('usr_bo'));
      await store().close();
      stand().cipher.answers = false;
      expect(await rejection(store().execute(door, granting('usr_cy')))).toBe('PERSONAL_NOT_SEALED');
      expect(await store().load(door, 'acme', '17')).toMatchObject({ version: 2 });
      const next = stand().open();
      await stand().startLedger();
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect(await next.ledger.unreceipted(0)).toMatchObject({ count: 2, refused: 0 });
      stand().cipher.answers = true;
      await settled(next);
      expect(toldLedger(ground, events[0]!.id)).toEqual([{ subject: 'usr_bo', data: { name: CANARY } }]);
    });
  });
}

/** Gone after an erasure, and never in the way. */
export function erasureContract(ground: Ground): void {
  const { stand, store } = ground;
  describe('personal parts that cannot be opened', () => {
    it('of a subject erased before the relay go as erased; the event goes all the same', async () => {
      await stand().stopLedger();
      const waiting = stand().open({ relay: undefined });
      await store().close();
      await waiting.execute(door, onDoor(install));
      const { events } = await waiting.execute(door, granting('usr_di'));
      stand().cipher.erase('acme', 'usr_di');
      await stand().startLedger();
      const next = stand().open();
      await settled(next);
      expect(toldLedger(ground, events[0]!.id)).toEqual([{ subject: 'usr_di', data: { erased: true } }]);
      expect(await next.ledger.receipt(events[0]!.id)).toBeDefined();
      expect(await next.load(register, 'acme', '17')).toEqual({ version: 2, state: [{ subject: 'usr_di', erased: true }] });
    });

    it('of a subject erased after the ledger had them, but before its receipt came, end as refused and seen', async () => {
      const { book, cipher } = stand();
      // The ledger takes the event; its answer is lost.
      const deaf = { connected: true, onStatus: () => () => undefined, subscribe: () => () => undefined, publish: async (subject: string, body: Uint8Array) => void book.enter(subject, body), close: () => Promise.resolve() };
      await store().close();
      const first = stand().open({ relay: { transport: deaf } });
      await first.execute(door, onDoor(install));
      const { events } = await first.execute(door, granting('usr_gil'));
      await until('the ledger has it', () => toldLedger(ground, events[0]!.id) !== undefined);
      await first.close();
      cipher.erase('acme', 'usr_gil');
      const next = stand().open();
      await settled(next);
      expect(await next.ledger.refusals()).toMatchObject([{ eventId: events[0]!.id, code: 'EVENT_ID_REUSED' }]);
    });

    it('of a subject erased already are marked so when they are stored', async () => {
      stand().cipher.erase('acme', 'usr_ed');
      await store().execute(door, onDoor(install));
      const { events } = await store().execute(door, granting('usr_ed'));
      expect(events[0]?.personal).toEqual([{ subject: 'usr_ed', erased: true }]);
      await settled(store());
      expect(toldLedger(ground, events[0]!.id)).toEqual([{ subject: 'usr_ed', data: { erased: true } }]);
    });

    it('that were moved to another row do not open: that event is refused here, the others are sent', async () => {
      const quiet = stand().open({ relay: undefined });
      await store().close();
      await quiet.execute(door, onDoor(install));
      const first = await quiet.execute(door, granting('usr_flo'));
      const second = await quiet.execute(door, granting('usr_flo', 'Flo'));
      await stand().owner.query('UPDATE doors.events SET personal = (SELECT personal FROM doors.events WHERE version = 2) WHERE version = 3');
      const next = stand().open();
      await until('it is refused', async () => (await next.ledger.refusals()).length === 1);
      await settled(next);
      expect(await next.ledger.refusals()).toMatchObject([{ eventId: second.events[0]!.id, code: 'PERSONAL_UNREADABLE', field: 'personal', message: 'FIELD_NOT_AUTHENTIC' }]);
      expect(await next.ledger.receipt(first.events[0]!.id)).toBeDefined();
      expect(await rejection(next.load(register, 'acme', '17'))).toBe('PERSONAL_UNREADABLE');
    });
  });
}

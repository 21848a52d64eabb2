import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DomainEvent, EventStore, Project, RecordedEvent } from '../src/index.js';
import { door, DoorFault, projectDoor, type DoorCommand } from './door.js';
import { ACTOR, rejection, type Ground } from './stand.js';

export const onDoor = (command: DoorCommand, change: object = {}) => ({ tenant: 'acme', id: '17', command, actor: ACTOR, project: projectDoor, ...change });
export const opening = (badge: string): DomainEvent => ({ type: 'doors.door.opened', data: { badge } });
const openings = (count: number): DomainEvent[] => Array.from({ length: count }, (_, at) => opening(`b${at}`));
export const install: DoorCommand = { do: 'install', place: 'hall' };

export async function all(events: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
  const list: RecordedEvent[] = [];
  for await (const event of events) list.push(event);
  return list;
}

const append = (store: EventStore, events: readonly DomainEvent[], change: object = {}) => store.append({ tenant: 'acme', stream: 'door/17', expectedVersion: 0, events, actor: ACTOR, ...change });

/** Two streams in one transaction. */
export function stageContract({ stand, store }: Ground): void {
  describe('staging', () => {
    it('stores what is decided on two streams together, or nothing of it', async () => {
      const staged = await store().stage(door, onDoor(install, { id: '18' }));
      const both = (last: () => Promise<void>) => store().execute(door, onDoor(install, {
        project: async (client: Parameters<Project>[0], events: Parameters<Project>[1]) => {
          await projectDoor(client, events);
          await staged(client);
          await last();
        },
      }));
      expect(await rejection(both(() => Promise.reject(new DoorFault('DOOR_UNKNOWN'))))).toBe('DOOR_UNKNOWN');
      expect((await stand().pool.query('SELECT FROM doors.events')).rowCount).toBe(0);
      await both(async () => undefined);
      expect((await stand().pool.query('SELECT id FROM doors.doors ORDER BY id')).rows).toEqual([{ id: '17' }, { id: '18' }]);
      expect(await rejection(store().execute(door, onDoor(install, { id: '19', project: staged })))).toBe('STREAM_VERSION_CONFLICT');
      expect([(await store().load(door, 'acme', '18')).version, (await store().load(door, 'acme', '19')).version]).toEqual([1, 0]);
    });
  });
}

/** Storing what was decided, and loading it again. */
export function appendContract({ stand, store }: Ground): void {
  describe('appending', () => {
    it('stores what an aggregate decides, moves its read table along, and loads it again', async () => {
      await store().execute(door, onDoor(install));
      await store().execute(door, onDoor({ do: 'grant', badge: 'b1', until: '2027-01-01', holder: 'usr_bo', name: 'Bo' }));
      const entered = await store().execute(door, onDoor({ do: 'open', badge: 'b1', now: '2026-11-22' }));
      expect(entered).toMatchObject({ version: 3, repeated: false, state: { openings: 1 }, events: [{ type: 'doors.door.opened', stream: 'door/17', version: 3 }] });
      expect(await store().load(door, 'acme', '17')).toEqual({ version: 3, state: { isInstalled: true, openings: 1, badges: { b1: '2027-01-01' } } });
      expect((await stand().pool.query('SELECT id, version, openings FROM doors.doors')).rows).toEqual([{ id: '17', version: '3', openings: '1' }]);
      expect(await all(store().read('acme', 'door/17', 2))).toEqual(entered.events);
    });

    it('keeps the streams of tenants apart', async () => {
      await store().execute(door, onDoor(install));
      expect(await store().load(door, 'other', '17')).toEqual({ version: 0, state: door.initialState });
      expect(await store().execute(door, onDoor(install, { tenant: 'other' }))).toMatchObject({ version: 1 });
    });

    it('stores nothing when the rules refuse the command or decide that nothing happens', async () => {
      expect(await rejection(store().execute(door, onDoor({ do: 'open', badge: 'b', now: '' })))).toBe('DOOR_UNKNOWN' satisfies DoorFault['code']);
      expect(await append(store(), [])).toEqual({ events: [], version: 0, repeated: false });
      expect((await stand().pool.query('SELECT FROM doors.events')).rowCount).toBe(0);
    });

    it('stores nothing when the read tables cannot follow', async () => {
      const failing: Project = (client) => client.query('INSERT INTO doors.doors (tenant) VALUES (NULL)').then(() => undefined);
      await append(store(), openings(2));
      expect(await rejection(append(store(), openings(1), { expectedVersion: 2, project: failing, commandId: 'c1' }))).toBe('23502');
      expect(await append(store(), openings(1), { expectedVersion: 2, commandId: 'c1' })).toMatchObject({ version: 3, repeated: false });
      expect((await stand().pool.query('SELECT FROM doors.event_relay')).rowCount).toBe(3);
    });

    it('stores nothing that the aggregate could not load again', async () => {
      const forgetful = { ...door, evolve: () => { throw new DoorFault('DOOR_INSTALLED'); } };
      expect([await rejection(store().execute(forgetful, onDoor(install))), (await store().load(door, 'acme', '17')).version]).toEqual(['DOOR_INSTALLED', 0]);
    });

    it.each([
      ['EVENT_FIELD_INVALID', [{ type: 'identity.user.created' }]],
      ['EVENT_FIELD_INVALID', [opening('b'), { type: 'doors.door.opened', resource: { type: 'door', id: 'ada@example.org' } }]],
      ['EVENT_TOO_LARGE', [opening('x'.repeat(64 * 1024 - 300))]],
      ['EVENTS_TOO_MANY', openings(501)],
    ] as const)('refuses with %s what the ledger would refuse', async (code, events) => {
      expect(await rejection(append(store(), events))).toBe(code);
      expect((await stand().pool.query('SELECT FROM doors.events')).rowCount).toBe(0);
    });

    it.each(['', 'with space', 'é', 'x'.repeat(201)])('refuses the stream name %j', async (stream) => {
      expect(await rejection(append(store(), openings(1), { stream }))).toBe('STREAM_MALFORMED');
    });

    it('reads a long stream in pages and says when a version is missing', async () => {
      for (let version = 0; version < 2_500; version += 500) await append(store(), openings(500), { expectedVersion: version });
      expect((await all(store().read('acme', 'door/17'))).map(({ version }) => version)).toEqual(Array.from({ length: 2_500 }, (_, at) => at + 1));
      await stand().owner.query('DELETE FROM doors.events WHERE version = 1200');
      expect(await rejection(store().load(door, 'acme', '17'))).toBe('STREAM_DAMAGED');
      await stand().owner.query("UPDATE doors.events SET event = left(event, 20) WHERE version = 1");
      expect(await rejection(store().load(door, 'acme', '17'))).toBe('STREAM_DAMAGED');
    });

    it('refuses a schema of another source', async () => {
      const foreign = stand().open({ source: 'gates', relay: undefined });
      expect(await rejection(foreign.append({ tenant: 'acme', stream: 'g', events: [{ type: 'gates.gate.opened' }], actor: ACTOR }))).toBe('23514');
    });

    it('refuses names that cannot be', () => {
      for (const change of [{ schema: 'do"ors' }, { source: 'Doors' }]) expect(() => stand().open(change)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    });
  });
}

/** Writers that meet. */
export function conflictContract({ stand, store }: Ground): void {
  describe('conflicts', () => {
    it.each([0, 1, 3])('refuses the expected version %d of a stream at version 2', async (expectedVersion) => {
      await append(store(), openings(2));
      expect(await rejection(append(store(), openings(1), { expectedVersion }))).toBe('STREAM_VERSION_CONFLICT');
      expect((await all(store().read('acme', 'door/17'))).map(({ version }) => version)).toEqual([1, 2]);
    });

    it('of 20 writers of one version one wins, and the others are told', async () => {
      const tries = await Promise.all(Array.from({ length: 20 }, () => append(store(), openings(1)).then(() => 'stored', (error: { code: string }) => error.code)));
      expect(tries.toSorted()).toEqual([...Array<string>(19).fill('STREAM_VERSION_CONFLICT'), 'stored']);
    });

    it('20 writers that decide again lose and double nothing', async () => {
      await store().execute(door, onDoor(install));
      await store().execute(door, onDoor({ do: 'grant', badge: 'b', until: '2027-01-01', holder: 'usr_bo', name: 'Bo' }));
      const open: DoorCommand = { do: 'open', badge: 'b', now: '2026-11-22' };
      const writer = async (): Promise<number[]> => {
        const versions: number[] = [];
        for (let turn = 0; turn < 5; turn++) versions.push((await store().execute(door, onDoor(open, { retriesMax: 200 }))).version);
        return versions;
      };
      const versions = (await Promise.all(Array.from({ length: 20 }, writer))).flat();
      expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at + 3));
      expect(await store().load(door, 'acme', '17')).toMatchObject({ version: 102, state: { openings: 100 } });
      expect((await stand().pool.query('SELECT version, openings FROM doors.doors')).rows).toEqual([{ version: '102', openings: '100' }]);
    });

    it('writers without an expected version all come to the end of the stream', async () => {
      const appended = await Promise.all(Array.from({ length: 20 }, () => append(store(), openings(2), { expectedVersion: undefined })));
      expect(appended.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => 2 * at + 2));
    });
  });
}

/** Commands that come twice. */
export function commandContract({ store }: Ground): void {
  describe('a command that comes twice', () => {
    it('has its first result, and no new events, whatever happened since', async () => {
      const first = await store().execute(door, onDoor(install, { commandId: 'c1' }));
      await store().execute(door, onDoor({ do: 'open', badge: 'b', now: '' }));
      expect(await store().execute(door, onDoor(install, { commandId: 'c1' }))).toEqual({ ...first, repeated: true });
      expect((await store().load(door, 'acme', '17')).version).toBe(2);
    });

    it('is carried out once when both come at the same time', async () => {
      const both = await Promise.all(Array.from({ length: 10 }, () => store().execute(door, onDoor(install, { commandId: 'c1' }))));
      expect(both.filter(({ repeated }) => !repeated)).toHaveLength(1);
      expect(new Set(both.map(({ events }) => events[0]?.id)).size).toBe(1);
    });

    it('that decided nothing decides nothing later either', async () => {
      const grant: DoorCommand = { do: 'grant', badge: 'b', until: '2027-01-01', holder: 'usr_bo', name: 'Bo' };
      await store().execute(door, onDoor(install));
      await store().execute(door, onDoor(grant));
      expect(await store().execute(door, onDoor(grant, { commandId: 'c2' }))).toMatchObject({ version: 2, events: [] });
      await store().execute(door, onDoor({ ...grant, until: '2026-01-01' }));
      expect(await store().execute(door, onDoor(grant, { commandId: 'c2' }))).toMatchObject({ version: 2, events: [], repeated: true });
    });

    it('whatever comes, in whatever order and how often, each command counts once', async () => {
      const grant = fc.record({ do: fc.constant('grant' as const), badge: fc.constantFrom('a', 'b'), until: fc.constantFrom('2026', '2027'), holder: fc.constant('usr_bo'), name: fc.string() });
      const open = fc.record({ do: fc.constant('open' as const), badge: fc.constantFrom('a', 'b'), now: fc.constantFrom('2026', '2027') });
      const commands = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.oneof(grant, open)), { minLength: 1, maxLength: 15 });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(commands, async (list) => {
          const id = `run-${run++}`;
          await store().execute(door, onDoor(install, { id }));
          const results = await Promise.all(list.map(([at, command]) => store().execute(door, onDoor(command, { id, commandId: `${id}-${at}`, retriesMax: 200 })).then((result) => [at, result] as const)));
          const events = await all(store().read('acme', `door/${id}`));
          const firsts = results.filter(([, { repeated }]) => !repeated);
          expect(new Set(firsts.map(([at]) => at)).size).toBe(firsts.length);
          expect(events).toHaveLength(1 + firsts.reduce((sum, [, result]) => sum + result.events.length, 0));
          for (const [at, result] of results) expect(result.events).toEqual(firsts.find(([first]) => first === at)?.[1].events);
          expect((await store().load(door, 'acme', id)).state).toEqual(events.reduce((state, event) => door.evolve(state, event as never), door.initialState));
        }),
        { numRuns: 15 },
      );
    });

    it('is another command on another stream or of another tenant', async () => {
      await store().execute(door, onDoor(install, { commandId: 'c1' }));
      expect(await rejection(store().execute(door, onDoor(install, { id: '18', commandId: 'c1' })))).toBe('COMMAND_ID_REUSED');
      expect(await store().execute(door, onDoor(install, { tenant: 'other', commandId: 'c1' }))).toMatchObject({ repeated: false });
      expect(await rejection(store().execute(door, onDoor(install, { commandId: 'a b' })))).toBe('COMMAND_ID_MALFORMED');
    });
  });
}

import { defineAggregate, type Past, type Project } from '../src/index.js';

/** An example to copy: doors, the badges that open them, and who carries the badges. */
export type DoorEvent =
  | { readonly type: 'doors.door.installed'; readonly data: { readonly place: string } }
  | {
      readonly type: 'doors.badge.granted';
      readonly data: { readonly badge: string; readonly until: string };
      readonly personal: readonly [{ readonly subject: string; readonly data: { readonly name: string } }];
    }
  | { readonly type: 'doors.door.opened'; readonly data: { readonly badge: string } }
  | { readonly type: 'doors.entry.denied'; readonly data: { readonly badge: string }; readonly severity: 'warning'; readonly outcome: 'denied' };

export type DoorCommand =
  | { readonly do: 'install'; readonly place: string }
  | { readonly do: 'grant'; readonly badge: string; readonly until: string; readonly holder: string; readonly name: string }
  | { readonly do: 'open'; readonly badge: string; readonly now: string };

interface Door {
  readonly isInstalled: boolean;
  /** Badge → the time until which it opens. */
  readonly badges: Readonly<Record<string, string>>;
  readonly openings: number;
}

export class DoorFault extends Error {
  constructor(readonly code: 'DOOR_UNKNOWN' | 'DOOR_INSTALLED') {
    super(code);
  }
}

function decide(command: DoorCommand, door: Door): readonly DoorEvent[] {
  if (command.do === 'install') {
    if (door.isInstalled) throw new DoorFault('DOOR_INSTALLED');
    return [{ type: 'doors.door.installed', data: { place: command.place } }];
  }
  if (!door.isInstalled) throw new DoorFault('DOOR_UNKNOWN');
  const { badge } = command;
  if (command.do === 'grant') {
    const { until, holder, name } = command;
    if (door.badges[badge] === until) return [];
    return [{ type: 'doors.badge.granted', data: { badge, until }, personal: [{ subject: holder, data: { name } }] }];
  }
  const opens = (door.badges[badge] ?? '') >= command.now;
  return [opens ? { type: 'doors.door.opened', data: { badge } } : { type: 'doors.entry.denied', data: { badge }, severity: 'warning', outcome: 'denied' }];
}

function evolve(door: Door, event: Past<DoorEvent>): Door {
  switch (event.type) {
    case 'doors.door.installed':
      return { ...door, isInstalled: true };
    case 'doors.badge.granted':
      return { ...door, badges: { ...door.badges, [event.data.badge]: event.data.until } };
    case 'doors.door.opened':
      return { ...door, openings: door.openings + 1 };
    case 'doors.entry.denied':
      return door;
  }
}

const newDoor: Door = { isInstalled: false, badges: {}, openings: 0 };

export const door = defineAggregate({
  name: 'door',
  initialState: newDoor,
  decide,
  evolve,
});

export const DOORS_TABLE_SQL = `
CREATE TABLE doors.doors (tenant text, id text, version bigint NOT NULL, openings bigint NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id));
GRANT SELECT, INSERT, UPDATE ON doors.doors TO doors_service;`;

/** The read table that answers how often a door was opened, in the same transaction as the events. */
export const projectDoor: Project = async (client, events) => {
  for (const { tenant, stream, version, type } of events) {
    const opened = type === 'doors.door.opened' ? 1 : 0;
    await client.query(
      `INSERT INTO doors.doors AS d (tenant, id, version, openings) VALUES ($1, $2, $3, $4)
       ON CONFLICT (tenant, id) DO UPDATE SET version = $3, openings = d.openings + $4`,
      [tenant, stream.slice('door/'.length), version, opened],
    );
  }
};

import { describe, expect, it } from '@jest/globals';
import { door } from './door.js';

const installed = door.evolve(door.initialState, { type: 'doors.door.installed', data: { place: 'hall' } });

describe('the rules of a door', () => {
  it('are tested without a database', () => {
    const granted = door.decide({ do: 'grant', badge: 'b1', until: '2027-01-01', holder: 'usr_bo', name: 'Bo' }, installed);
    const state = granted.reduce(door.evolve, installed);
    expect(door.decide({ do: 'open', badge: 'b1', now: '2026-11-22' }, state)).toEqual([{ type: 'doors.door.opened', data: { badge: 'b1' } }]);
    expect(door.decide({ do: 'open', badge: 'b1', now: '2027-11-22' }, state)).toMatchObject([{ type: 'doors.entry.denied', outcome: 'denied' }]);
    expect(() => door.decide({ do: 'install', place: 'hall' }, state)).toThrow('DOOR_INSTALLED');
  });
});

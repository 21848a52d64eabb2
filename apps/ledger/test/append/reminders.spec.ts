import { describe, expect, it } from '@jest/globals';
import { PacedWarnings, Reminders } from '../../src/append/reminders.js';

const HOUR_MS = 3_600_000;

describe('what goes on', () => {
  it('is told at once, then after 10 s, 20 s and so on up to ten minutes, with what was left out', () => {
    const reminders = new Reminders();
    const told: [seconds: number, untold: number][] = [];
    for (let nowMs = 0; nowMs < HOUR_MS; nowMs += 1_000) {
      const untold = reminders.due('a', nowMs);
      if (untold !== undefined) told.push([nowMs / 1_000, untold]);
    }
    expect(told).toEqual([
      [0, 0],
      [10, 9],
      [30, 19],
      [70, 39],
      [150, 79],
      [310, 159],
      [630, 319],
      [1_230, 599],
      [1_830, 599],
      [2_430, 599],
      [3_030, 599],
    ]);
  });

  it('is told at once when it comes back after a long silence, whatever else goes on', () => {
    const reminders = new Reminders();
    expect([reminders.due('a', 0), reminders.due('b', 0), reminders.due('a', 1)]).toEqual([0, 0, undefined]);
    expect(reminders.due('a', HOUR_MS)).toBe(0);
  });

  it('is remembered of a thousand names at most', () => {
    const reminders = new Reminders();
    for (let n = 0; n <= 1_000; n++) reminders.due(`name ${n}`, 0);
    expect([reminders.due('name 1000', 1), reminders.due('name 0', 1)]).toEqual([undefined, 0]);
  });

  it('is a line in the log for each tenant and each error, with how often it was left out', () => {
    const told: unknown[][] = [];
    let nowMs = 0;
    const warnings = new PacedWarnings({ warn: (...said: unknown[]) => void told.push(said) }, 'not signed', () => nowMs);
    const refused = Object.assign(new Error('no'), { code: 'KEY_PURPOSE_FORBIDDEN' });
    for (; nowMs <= 10_000; nowMs += 500) warnings.warn(refused, 'acme');
    warnings.warn(refused, 'globex');
    warnings.warn(new TypeError('full'), 'acme');
    expect(told).toEqual([
      [{ err: refused, tenant: 'acme', untold: 0 }, 'not signed'],
      [{ err: refused, tenant: 'acme', untold: 19 }, 'not signed'],
      [{ err: refused, tenant: 'globex', untold: 0 }, 'not signed'],
      [{ err: expect.any(TypeError), tenant: 'acme', untold: 0 }, 'not signed'],
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isUtcTime } from '../src/index.js';

describe('times that are admitted', () => {
  it.each([
    '2026-01-31T09:30:00Z',
    '2026-01-31T09:30:00.000Z',
    '2026-01-31T09:30:00.5Z',
    '2026-01-31T23:59:59.999999999Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '2024-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '0000-02-29T00:00:00Z',
    '2026-04-30T00:00:00Z',
    '2026-12-31T00:00:00Z',
  ])('%s', (text) => {
    expect(isUtcTime(text)).toBe(true);
  });
});

describe('times that are refused', () => {
  it.each([
    ['no text', ''],
    ['a date alone', '2026-01-31'],
    ['no zone', '2026-01-31T09:30:00'],
    ['an offset', '2026-01-31T09:30:00+00:00'],
    ['a lower-case t', '2026-01-31t09:30:00Z'],
    ['a lower-case z', '2026-01-31T09:30:00z'],
    ['a space for T', '2026-01-31 09:30:00Z'],
    ['no seconds', '2026-01-31T09:30Z'],
    ['month 0', '2026-00-10T09:30:00Z'],
    ['month 13', '2026-13-10T09:30:00Z'],
    ['day 0', '2026-01-00T09:30:00Z'],
    ['day 32', '2026-01-32T09:30:00Z'],
    ['the 31st of April', '2026-04-31T09:30:00Z'],
    ['the 29th of February of a common year', '2026-02-29T09:30:00Z'],
    ['the 29th of February of 1900', '1900-02-29T09:30:00Z'],
    ['the 30th of February', '2024-02-30T09:30:00Z'],
    ['hour 24', '2026-01-31T24:00:00Z'],
    ['minute 60', '2026-01-31T09:60:00Z'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['a point without digits', '2026-01-31T09:30:00.Z'],
    ['ten digits of a second', '2026-01-31T09:30:00.0123456789Z'],
    ['a comma', '2026-01-31T09:30:00,5Z'],
    ['a year of five digits', '12026-01-31T09:30:00Z'],
    ['a signed year', '+002026-01-31T09:30:00Z'],
    ['a newline after it', '2026-01-31T09:30:00Z\n'],
    ['white space before it', ' 2026-01-31T09:30:00Z'],
    ['digits of another script', '２０２６-01-31T09:30:00Z'],
  ])('%s', (_what, text) => {
    expect(isUtcTime(text)).toBe(false);
  });
});

describe('laws', () => {
  it('every instant that Date can write with four digits of year is a time', () => {
    const instants = fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
    fc.assert(
      fc.property(instants, (instant) => {
        expect(isUtcTime(instant.toISOString())).toBe(true);
      }),
    );
  });

  it('a day is a time exactly when the calendar has it', () => {
    const number = (max: number) => fc.nat(max);
    fc.assert(
      fc.property(number(9999), number(13), number(32), (year, month, day) => {
        const date = `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
        const instant = new Date(0);
        instant.setUTCFullYear(year, month - 1, day);
        const exists = month >= 1 && month <= 12 && instant.getUTCMonth() === month - 1 && instant.getUTCDate() === day;
        expect(isUtcTime(`${date}T00:00:00Z`)).toBe(exists);
      }),
      { numRuns: 2_000 },
    );
  });
});

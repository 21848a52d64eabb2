import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addMonths, alertsCome, dayIn, endOfDay, INCIDENT_ALERTS_MS, INCIDENT_STAGES, incidentClock, isWorkingDay, LAWS, REQUEST_ALERTS_MS, REQUEST_KINDS, requestClock, type Law, type RequestKind } from '../src/index.js';

const NO_HOLIDAYS = new Set<string>();
const DAY_MS = 86_400_000;
const ms = (iso: string): number => Date.parse(iso);
const iso = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString().replace('.000Z', 'Z'));

/** Law, kind, received, zone, holidays → due, due with the extension. Weekdays: 2026-01-31 is a Saturday. */
const REQUESTS: readonly (readonly [why: string, law: Law, kind: RequestKind, received: string, zone: string, holidays: readonly string[], due: string, extended: string | undefined])[] = [
  ['the same date of the next month', 'gdpr', 'export', '2026-03-05T10:00:00Z', 'UTC', [], '2026-04-07T00:00:00Z', '2026-06-06T00:00:00Z'],
  ['30 days have September, April, June and November: 31 August ends with 30 September', 'gdpr', 'delete', '2026-08-31T10:00:00Z', 'UTC', [], '2026-10-01T00:00:00Z', '2026-12-01T00:00:00Z'],
  ['31 January ends with 28 February, a Saturday, so with Monday', 'gdpr', 'delete', '2026-01-31T10:00:00Z', 'UTC', [], '2026-03-03T00:00:00Z', '2026-05-01T00:00:00Z'],
  ['31 January of a leap year ends with 29 February', 'gdpr', 'delete', '2028-01-31T10:00:00Z', 'UTC', [], '2028-03-01T00:00:00Z', '2028-05-02T00:00:00Z'],
  ['30 January of a leap year ends with 29 February too', 'gdpr', 'delete', '2028-01-30T10:00:00Z', 'UTC', [], '2028-03-01T00:00:00Z', '2028-05-02T00:00:00Z'],
  ['29 January of a year that is none ends with 28 February, a Sunday in 2027, so with Monday', 'gdpr', 'delete', '2027-01-29T10:00:00Z', 'UTC', [], '2027-03-02T00:00:00Z', '2027-04-30T00:00:00Z'],
  ['29 February is followed by 29 March', 'gdpr', 'export', '2028-02-29T12:00:00Z', 'UTC', [], '2028-03-30T00:00:00Z', '2028-05-30T00:00:00Z'],
  ['2100 is no leap year: 28 February is a Sunday', 'gdpr', 'export', '2100-01-31T12:00:00Z', 'UTC', [], '2100-03-02T00:00:00Z', '2100-05-01T00:00:00Z'],
  ['the last second of a day is of that day', 'gdpr', 'export', '2026-03-05T23:59:59Z', 'UTC', [], '2026-04-07T00:00:00Z', '2026-06-06T00:00:00Z'],
  ['over the end of a year', 'gdpr', 'export', '2026-12-15T08:00:00Z', 'UTC', [], '2027-01-16T00:00:00Z', '2027-03-16T00:00:00Z'],
  ['a Sunday moves to Monday', 'gdpr', 'correct', '2026-02-01T08:00:00Z', 'UTC', [], '2026-03-03T00:00:00Z', '2026-05-02T00:00:00Z'],
  ['a holiday moves to the next working day', 'gdpr', 'correct', '2026-04-01T08:00:00Z', 'UTC', ['2026-05-01'], '2026-05-05T00:00:00Z', '2026-07-02T00:00:00Z'],
  ['Good Friday to Easter Monday: over four days to Tuesday', 'gdpr', 'correct', '2026-03-03T08:00:00Z', 'UTC', ['2026-04-03', '2026-04-06'], '2026-04-08T00:00:00Z', '2026-06-04T00:00:00Z'],
  ['late evening in New York is the next day in London', 'gdpr', 'export', '2026-03-06T03:00:00Z', 'America/New_York', [], '2026-04-07T04:00:00Z', '2026-06-06T04:00:00Z'],
  ['the day ends where it is counted: Berlin, from winter into summer', 'gdpr', 'export', '2026-03-10T10:00:00Z', 'Europe/Berlin', [], '2026-04-10T22:00:00Z', '2026-06-10T22:00:00Z'],
  ['the same from summer into winter', 'gdpr', 'export', '2026-10-12T10:00:00Z', 'Europe/Berlin', [], '2026-11-12T23:00:00Z', '2027-01-12T23:00:00Z'],
  ['already tomorrow in Auckland', 'gdpr', 'export', '2026-03-05T12:00:00Z', 'Pacific/Auckland', [], '2026-04-06T12:00:00Z', '2026-06-08T12:00:00Z'],
  ['fourteen hours ahead, on the other side of a month', 'gdpr', 'export', '2026-03-31T11:00:00Z', 'Pacific/Kiritimati', [], '2026-05-01T10:00:00Z', '2026-07-01T10:00:00Z'],
  ['eleven behind, still in the month before', 'gdpr', 'export', '2026-04-01T10:00:00Z', 'Pacific/Pago_Pago', [], '2026-05-01T11:00:00Z', '2026-07-01T11:00:00Z'],
  ['where the clocks go forward at midnight the day begins at one', 'gdpr', 'export', '2026-08-05T12:00:00Z', 'America/Santiago', ['2026-09-07'], '2026-09-09T03:00:00Z', '2026-11-06T03:00:00Z'],
  ['45 calendar days', 'ccpa', 'delete', '2026-01-15T18:00:00Z', 'UTC', [], '2026-03-02T00:00:00Z', '2026-04-16T00:00:00Z'],
  ['45 days over a leap day', 'ccpa', 'delete', '2028-01-15T18:00:00Z', 'UTC', [], '2028-03-01T00:00:00Z', '2028-04-15T00:00:00Z'],
  ['and they end on a Saturday as on any day', 'ccpa', 'export', '2026-01-14T18:00:00Z', 'UTC', ['2026-02-28'], '2026-03-01T00:00:00Z', '2026-04-15T00:00:00Z'],
  ['in California it is still the day before, and summer comes in between', 'ccpa', 'export', '2026-02-02T05:00:00Z', 'America/Los_Angeles', [], '2026-03-19T07:00:00Z', '2026-05-03T07:00:00Z'],
  ['a request to limit use: 15 business days, no extension', 'ccpa', 'restrict', '2026-03-02T18:00:00Z', 'UTC', [], '2026-03-24T00:00:00Z', undefined],
  ['and holidays are no business days', 'ccpa', 'restrict', '2026-12-14T18:00:00Z', 'UTC', ['2026-12-25', '2027-01-01'], '2027-01-07T00:00:00Z', undefined],
  ['restriction by the GDPR has the month of every other request', 'gdpr', 'restrict', '2026-03-05T10:00:00Z', 'UTC', [], '2026-04-07T00:00:00Z', '2026-06-06T00:00:00Z'],
];

describe('requests of data subjects', () => {
  it.each(REQUESTS)('%s', (_why, law, kind, received, timeZone, holidays, due, extended) => {
    const clock = requestClock(law, kind, ms(received), { timeZone, holidays: new Set(holidays) });
    expect({ due: iso(clock.dueAt), extended: iso(clock.extendedDueAt) }).toEqual({ due, extended });
  });

  it('are confirmed within ten business days under the CCPA, and need not be under the GDPR', () => {
    const confirm = (law: Law): string | undefined => iso(requestClock(law, 'export', ms('2026-03-02T18:00:00Z'), { timeZone: 'UTC', holidays: new Set(['2026-03-06']) }).confirmBy);
    expect(confirm('ccpa')).toBe('2026-03-18T00:00:00Z');
    expect(confirm('gdpr')).toBeUndefined();
  });

  it('never are due earlier because they came later, nor on a day without work by the GDPR; the extension never takes anything away', () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Pacific/Apia', 'Asia/Kathmandu'];
    const at = fc.integer({ min: ms('2024-01-01T00:00:00Z'), max: ms('2032-01-01T00:00:00Z') });
    fc.assert(fc.property(at, fc.integer({ min: 0, max: 60 * DAY_MS }), fc.constantFrom(...zones), fc.constantFrom(...LAWS), fc.constantFrom(...REQUEST_KINDS), (received, later, timeZone, law, kind) => {
      const calendar = { timeZone, holidays: NO_HOLIDAYS };
      const [one, other] = [requestClock(law, kind, received, calendar), requestClock(law, kind, received + later, calendar)];
      expect(other.dueAt).toBeGreaterThanOrEqual(one.dueAt);
      expect(one.extendedDueAt ?? Infinity).toBeGreaterThan(one.dueAt);
      if (law === 'gdpr') expect(isWorkingDay(dayIn(timeZone, one.dueAt - 1), NO_HOLIDAYS)).toBe(true);
    }), { numRuns: 300 });
  });

  it('refuse a place that nobody knows', () => {
    expect(() => requestClock('gdpr', 'export', 0, { timeZone: 'Mars/Olympus_Mons', holidays: NO_HOLIDAYS })).toThrow(RangeError);
  });
});

describe('incidents', () => {
  it.each([
    ['a final report a month after the notification was due, while there is none', '2026-01-28T10:00:00Z', undefined, 'UTC', ['2026-01-29T10:00:00Z', '2026-01-31T10:00:00Z', '2026-03-01T00:00:00Z']],
    ['a month after it was sent, once it is', '2026-01-28T10:00:00Z', '2026-01-29T08:00:00Z', 'UTC', ['2026-01-29T10:00:00Z', '2026-01-31T10:00:00Z', '2026-03-01T00:00:00Z']],
    ['in a leap year on 29 February', '2028-01-28T10:00:00Z', '2028-01-29T08:00:00Z', 'UTC', ['2028-01-29T10:00:00Z', '2028-01-31T10:00:00Z', '2028-03-01T00:00:00Z']],
    ['hours over a leap day', '2028-02-27T22:15:00Z', undefined, 'UTC', ['2028-02-28T22:15:00Z', '2028-03-01T22:15:00Z', '2028-04-02T00:00:00Z']],
    ['29 February is followed by 29 March', '2028-02-28T10:00:00Z', '2028-02-29T10:00:00Z', 'UTC', ['2028-02-29T10:00:00Z', '2028-03-02T10:00:00Z', '2028-03-30T00:00:00Z']],
    ['31 August ends with 30 September', '2026-08-30T06:00:00Z', '2026-08-31T09:00:00Z', 'UTC', ['2026-08-31T06:00:00Z', '2026-09-02T06:00:00Z', '2026-10-01T00:00:00Z']],
    ['31 December ends with 31 January', '2026-12-30T06:00:00Z', '2026-12-31T09:00:00Z', 'UTC', ['2026-12-31T06:00:00Z', '2027-01-02T06:00:00Z', '2027-02-01T00:00:00Z']],
    ['2100 is no leap year', '2100-01-30T12:00:00Z', '2100-01-31T12:00:00Z', 'UTC', ['2100-01-31T12:00:00Z', '2100-02-02T12:00:00Z', '2100-03-01T00:00:00Z']],
    ['whoever notifies late does not win time', '2026-03-02T10:00:00Z', '2026-03-20T08:00:00Z', 'UTC', ['2026-03-03T10:00:00Z', '2026-03-05T10:00:00Z', '2026-04-06T00:00:00Z']],
    ['hours are hours when clocks are changed, days are those of the place', '2026-03-28T10:00:00Z', undefined, 'Europe/Berlin', ['2026-03-29T10:00:00Z', '2026-03-31T10:00:00Z', '2026-04-30T22:00:00Z']],
    ['and when they are put back', '2026-10-24T10:00:00Z', undefined, 'Europe/Berlin', ['2026-10-25T10:00:00Z', '2026-10-27T10:00:00Z', '2026-11-27T23:00:00Z']],
    ['late evening in New York is the day before', '2026-03-03T03:00:00Z', '2026-03-04T03:00:00Z', 'America/New_York', ['2026-03-04T03:00:00Z', '2026-03-06T03:00:00Z', '2026-04-04T04:00:00Z']],
    ['already the next month in Auckland', '2026-03-30T13:00:00Z', '2026-03-31T12:30:00Z', 'Pacific/Auckland', ['2026-03-31T13:00:00Z', '2026-04-02T13:00:00Z', '2026-05-01T12:00:00Z']],
    ['neither nights nor holidays stop them, and the month ends on a Sunday', '2026-12-25T23:30:00Z', undefined, 'UTC', ['2026-12-26T23:30:00Z', '2026-12-28T23:30:00Z', '2027-01-29T00:00:00Z']],
    ['nor weekends: Friday evening is followed by Monday evening', '2026-11-20T18:22:07Z', undefined, 'UTC', ['2026-11-21T18:22:07Z', '2026-11-23T18:22:07Z', '2026-12-24T00:00:00Z']],
  ] as const)('%s', (_why, aware, notified, timeZone, [early, notification, final]) => {
    const clock = incidentClock(ms(aware), notified === undefined ? undefined : ms(notified), timeZone);
    expect(Object.fromEntries(Object.entries(clock).map(([stage, at]) => [stage, iso(at)]))).toEqual({ 'early-warning': early, notification, 'final-report': final, 'breach-notification': notification, organizations: early, subjects: notification });
  });

  it('owe nothing later because they were known earlier, and every stage has alerts of its own', () => {
    const at = fc.integer({ min: ms('2024-01-01T00:00:00Z'), max: ms('2032-01-01T00:00:00Z') });
    fc.assert(fc.property(at, fc.integer({ min: 0, max: 60 * DAY_MS }), fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Pacific/Apia'), (aware, later, timeZone) => {
      const [one, other] = [incidentClock(aware, undefined, timeZone), incidentClock(aware + later, undefined, timeZone)];
      for (const stage of INCIDENT_STAGES) expect(other[stage]).toBeGreaterThanOrEqual(one[stage]);
      // 72 hours before them is the notification that the report is about: 28 days or more are between them.
      expect(one['final-report'] - one.notification).toBeGreaterThanOrEqual(28 * DAY_MS);
    }), { numRuns: 200 });
    expect(Object.keys(INCIDENT_ALERTS_MS)).toEqual(INCIDENT_STAGES);
  });
});

describe('days', () => {
  it.each([
    ['America/Santiago', '2026-09-05', '2026-09-06T04:00:00Z', 'the clocks go from 24:00 to 1:00'],
    ['America/Havana', '2026-11-01', '2026-11-02T05:00:00Z', 'a day of 25 hours'],
    ['Europe/Berlin', '2026-03-29', '2026-03-29T22:00:00Z', 'a day of 23 hours'],
    ['Asia/Kathmandu', '2026-01-01', '2026-01-01T18:15:00Z', 'an offset of 5:45'],
    ['Pacific/Apia', '2011-12-29', '2011-12-30T10:00:00Z', 'the day after does not exist'],
  ])('of %s, %s, end at %s: %s', (timeZone, day, end) => {
    expect(iso(endOfDay(timeZone, day))).toBe(end);
    expect(dayIn(timeZone, ms(end) - 1)).toBe(day);
  });

  it('of a month later exist, and are of the month that is meant', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 120 }), (days, months) => {
      const day = new Date(days * DAY_MS).toISOString().slice(0, 10);
      const [year, month] = addMonths(day, months).split('-').map(Number) as [number, number];
      const [fromYear, fromMonth] = day.split('-').map(Number) as [number, number];
      expect(year * 12 + month - (fromYear * 12 + fromMonth)).toBe(months);
    }));
  });
});

describe('alerts', () => {
  const due = ms('2026-04-07T00:00:00Z');
  it.each([
    ['2026-03-27T23:59:59Z', 0], ['2026-03-28T00:00:00Z', 1], ['2026-04-04T00:00:00Z', 2], ['2026-04-06T00:00:00Z', 3], ['2026-04-06T23:59:59Z', 3], ['2026-04-07T00:00:00Z', 4],
  ])('of a request have come by %s: %i', (now, count) => {
    expect(alertsCome(REQUEST_ALERTS_MS, due, ms(now))).toBe(count);
  });

  it('come before anything is due, the longest first, and the last one when it is too late', () => {
    for (const times of [REQUEST_ALERTS_MS, ...Object.values(INCIDENT_ALERTS_MS)]) {
      expect([...times].sort((a, b) => b - a)).toEqual(times);
      expect(times.length).toBeGreaterThan(2);
      expect(times.at(-1)).toBe(0);
    }
  });
});

import { describe, expect, it } from '@jest/globals';
import { KEEP_RULES_DEFAULT, keptBackups, nextBackupMs, nextDrillMs, planPrune, type Backup, type KeepRules } from '@countersign/backup';

const RULES = (daily: number, weekly: number, monthly: number): KeepRules => ({ daily, weekly, monthly });
const taken = (...times: readonly string[]) => times.map((takenAt) => ({ id: takenAt, takenAt: takenAt.length === 10 ? `${takenAt}T03:00:00.000Z` : takenAt }));
const days = (from: string, count: number) => taken(...Array.from({ length: count }, (_, i) => new Date(Date.parse(`${from}T03:00:00Z`) + i * 86_400_000).toISOString()));

const CASES: readonly (readonly [string, readonly { id: string; takenAt: string }[], KeepRules, readonly string[]])[] = [
  ['nothing', [], KEEP_RULES_DEFAULT, []],
  ['one, whatever the rules', taken('2026-01-01'), RULES(0, 0, 0), ['2026-01-01']],
  ['the newest stays beside rules of nothing', taken('2026-01-01', '2026-01-02'), RULES(0, 0, 0), ['2026-01-02']],
  ['the last of a day', taken('2026-01-01T01:00:00.000Z', '2026-01-01T23:00:00.000Z'), RULES(7, 0, 0), ['2026-01-01T23:00:00.000Z']],
  ['two sides of midnight UTC', taken('2026-01-01T23:59:59.999Z', '2026-01-02T00:00:00.000Z'), RULES(2, 0, 0), ['2026-01-02T00:00:00.000Z', '2026-01-01T23:59:59.999Z']],
  ['days that have one count', taken('2026-01-01', '2026-02-01', '2026-03-01'), RULES(2, 0, 0), ['2026-03-01', '2026-02-01']],
  ['Sunday and Monday are two weeks', taken('2026-11-22', '2026-11-23'), RULES(0, 2, 0), ['2026-11-23', '2026-11-22']],
  ['Monday to Sunday are one', taken('2026-11-16', '2026-11-22'), RULES(0, 2, 0), ['2026-11-22']],
  ['the week of New Year is one', taken('2026-12-31', '2027-01-01'), RULES(0, 2, 0), ['2027-01-01']],
  ['the last of a month', taken('2028-02-28', '2028-02-29', '2028-03-01'), RULES(0, 0, 2), ['2028-03-01', '2028-02-29']],
  ['a month without any', taken('2026-01-31', '2026-03-01'), RULES(0, 0, 2), ['2026-03-01', '2026-01-31']],
  ['of the same instant, the later id', [{ id: 'a', takenAt: '2026-01-01T00:00:00.000Z' }, { id: 'b', takenAt: '2026-01-01T00:00:00.000Z' }], RULES(1, 0, 0), ['b']],
];

const base = (id: string, fromLsn: string | undefined, stream = 'aaaaaaaa'): Backup => ({
  id, takenAt: `${id}T03:00:00.000Z`, finishedAt: `${id}T03:01:00.000Z`, server: { systemId: '1', version: '18.4', timeline: 1, walSegmentBytes: 16_777_216 }, databases: ['ledger'], startLsn: '0/1', endLsn: '0/2',
  ...(fromLsn === undefined ? {} : { wal: { stream, fromLsn } }), clearBytes: 1, ledgers: 1, data: { name: `base-${id}`, bytes: 1, sha256: '' }, manifest: { name: `base-${id}-manifest`, bytes: 1, sha256: '' },
});

describe('keptBackups', () => {
  it.each(CASES)('%s', (_name, backups, rules, expected) => {
    expect([...keptBackups(backups, rules).keys()].toSorted()).toEqual([...expected].toSorted());
  });

  it('keeps 7 days, 4 weeks and 6 months of a year, whatever the order', () => {
    const year = days('2026-01-01', 365);
    const kept = keptBackups(year, KEEP_RULES_DEFAULT);
    const of = (reason: string) => [...kept].filter(([, reasons]) => (reasons as readonly string[]).includes(reason)).map(([id]) => id.slice(0, 10)).toSorted();
    expect(of('daily')).toEqual(['2026-12-25', '2026-12-26', '2026-12-27', '2026-12-28', '2026-12-29', '2026-12-30', '2026-12-31']);
    expect(of('weekly')).toEqual(['2026-12-13', '2026-12-20', '2026-12-27', '2026-12-31']);
    expect(of('monthly')).toEqual(['2026-07-31', '2026-08-31', '2026-09-30', '2026-10-31', '2026-11-30', '2026-12-31']);
    expect([...keptBackups(year.toReversed(), KEEP_RULES_DEFAULT)]).toEqual([...kept]);
  });

  it('taking one more and pruning each day loses nothing that pruning once at the end keeps', () => {
    let held: readonly { id: string; takenAt: string }[] = [];
    const year = days('2026-01-01', 365);
    for (const one of year) {
      const all = [...held, one];
      const kept = keptBackups(all, KEEP_RULES_DEFAULT);
      held = all.filter(({ id }) => kept.has(id));
    }
    expect(held.map(({ id }) => id)).toEqual(expect.arrayContaining([...keptBackups(year, KEEP_RULES_DEFAULT).keys()]));
  });
});

describe('planPrune', () => {
  it('cuts the log where the oldest backup begins that is kept for its day, in numbers and not in letters', () => {
    const backups = [base('2026-03-03', '10/0'), base('2026-03-02', '9/F0000000'), base('2026-02-28', '9/0')];
    const { staying, going, cuts } = planPrune(backups, RULES(2, 0, 2));
    expect([staying.map(({ id, wal }) => [id, wal?.fromLsn]), going, cuts]).toEqual([[['2026-03-03', '10/0'], ['2026-03-02', '9/F0000000'], ['2026-02-28', undefined]], [], [{ stream: 'aaaaaaaa', from: 0x9_0000_0000n, to: 0x9_f000_0000n }]]);
  });

  it('drops a stream that no kept backup is followed by', () => {
    const { cuts, going } = planPrune([base('2026-03-03', '0/5', 'bbbbbbbb'), base('2026-03-02', '1/0')], RULES(1, 0, 0));
    expect([going.map(({ id }) => id), cuts]).toEqual([['2026-03-02'], [{ stream: 'aaaaaaaa', from: 0x1_0000_0000n, to: undefined }]]);
  });
});

describe('nextBackupMs', () => {
  it.each([
    ['none yet', [], 'aaaaaaaa', 0],
    ['the log is another', [base('2026-03-03', '0/5')], 'bbbbbbbb', 0],
    ['none goes with the log', [base('2026-03-03', undefined)], 'bbbbbbbb', 0],
    ['a day after the last', [base('2026-03-03', '0/5'), base('2026-03-02', '0/1')], 'aaaaaaaa', Date.parse('2026-03-04T03:00:00Z')],
    ['no log is archived', [base('2026-03-03', '0/5')], undefined, Date.parse('2026-03-04T03:00:00Z')],
  ] as const)('%s', (_name, backups, stream, expected) => {
    expect(nextBackupMs(backups, stream, 86_400_000)).toBe(expected);
  });
});

describe('nextDrillMs', () => {
  const drill = (at: string, outcome: 'success' | 'failure') => ({ at, backup: 'latest', outcome });
  it.each([
    ['none yet', [], 0],
    ['the last went well', [drill('2026-03-03T03:00:00Z', 'success'), drill('2026-03-02T03:00:00Z', 'failure')], Date.parse('2026-03-31T03:00:00Z')],
    ['the last went wrong', [drill('2026-03-03T03:00:00Z', 'failure'), drill('2026-03-02T03:00:00Z', 'success')], Date.parse('2026-03-03T09:00:00Z')],
  ] as const)('%s', (_name, drills, expected) => {
    expect(nextDrillMs(drills, 28 * 86_400_000, 6 * 3_600_000)).toBe(expected);
  });
});

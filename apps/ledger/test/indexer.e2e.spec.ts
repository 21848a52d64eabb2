import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { Indexer, restMsAfter, type IndexerDependencies } from '../src/search/indexer.js';
import { CLOSED } from '../src/search/open-parts.js';
import { PART_CLASSES_DEFAULT } from '../src/destroy/part-class.js';
import { PersonEntries } from '../src/search/person-entries.js';
import { PgIndexStore } from '../src/store/pg-index-store.js';
import { PgProducers, PRODUCER_LIMITS_DEFAULT } from '../src/store/pg-producers.js';
import { PgReadStore } from '../src/store/pg-read-store.js';
import { startHttpFixture, type HttpFixture } from './fixture/http-fixture.js';
import { makeEvent, makeEvents, startLedgerFixture, type LedgerFixture } from './fixture/ledger-fixture.js';

let ledgers: LedgerFixture;
let http: HttpFixture;
const RUNS_KEPT_MAX = 8;
const limits = { ...PRODUCER_LIMITS_DEFAULT, runsKeptMax: RUNS_KEPT_MAX };

beforeAll(async () => {
  ledgers = await startLedgerFixture();
  http = await startHttpFixture(ledgers, { limits, gapGraceMs: 0 });
}, 60_000);
afterAll(async () => {
  await http?.stop();
  await ledgers?.stop();
}, 60_000);

const rowsOf = async (sql: string): Promise<Record<string, unknown>[]> => (await ledgers.admin.query<Record<string, unknown>>(sql)).rows;

function indexer(given: Partial<IndexerDependencies> = {}): Indexer {
  const failed: unknown[] = [];
  return new Indexer({
    store: new PgIndexStore(ledgers.runtime),
    producers: new PgProducers(ledgers.reader, ledgers.runtime, limits),
    isBusy: () => false,
    onIndexed: () => undefined,
    onError: (error) => failed.push(error),
    gapGraceMs: 3_600_000,
    ...given,
  });
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (await reached()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('not reached within 20 s');
}

describe('the indexer', () => {
  it('indexes each entry once, two instances at work on a growing ledger', async () => {
    const ledger = await ledgers.ledger('two');
    const counted = { one: 0, two: 0 };
    const workers = (['one', 'two'] as const).map((name) => indexer({ idleMs: 5, onIndexed: (_tenant, entries) => (counted[name] += entries) }));
    for (const worker of workers) worker.start();
    for (let i = 0; i < 20; i++) await ledger.append(makeEvents('two', 300));
    const indexed = async (): Promise<number> => Number((await rowsOf(`SELECT indexed_size FROM index_cursors WHERE ledger_id = ${ledger.ledgerId}`))[0]?.['indexed_size'] ?? 0);
    await until(async () => (await indexed()) === 6_000);
    await Promise.all(workers.map((worker) => worker.stop()));
    const [{ rows, lowest, highest } = {}] = await rowsOf(
      `SELECT count(*)::int AS rows, min(leaf_index)::int AS lowest, max(leaf_index)::int AS highest FROM event_index WHERE ledger_id = ${ledger.ledgerId}`,
    );
    expect({ rows, lowest, highest }).toEqual({ rows: 6_000, lowest: 0, highest: 5_999 });
  }, 60_000);

  it('works a tenth of the time while appends are busy', async () => {
    expect([restMsAfter(20, true), restMsAfter(20, false), restMsAfter(5_000, true)]).toEqual([180, 0, 2_000]);
    const ledger = await ledgers.ledger('busy');
    await ledger.append(makeEvents('busy', 2_500));
    const startedAt = performance.now();
    let asked = 0;
    const isBusy = (): boolean => (asked += 1) > 0;
    await indexer({ isBusy }).pass();
    expect(asked).toBe(3);
    expect(performance.now() - startedAt).toBeGreaterThan(30);
  });

  it('starts over when asked, and says how far it lags', async () => {
    const ledger = await ledgers.ledger('again');
    await ledger.append(makeEvents('again', 50));
    await http.index();
    await http.indexStore.reset(ledger);
    const lag = async (): Promise<string | undefined> => /index_lag_events{tenant="again".*} (\d+)/.exec(await http.registry.metrics())?.[1];
    expect(await lag()).toBe('50');
    await http.index();
    expect(await lag()).toBe('0');
    expect(await rowsOf(`SELECT count(*)::int AS rows FROM event_index WHERE ledger_id = ${ledger.ledgerId}`)).toEqual([{ rows: 50 }]);
  });

  it('takes the earliest and the latest times that an event may have', async () => {
    const ledger = await ledgers.ledger('times');
    await ledger.append(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00.123456789Z', '9999-12-31T23:59:59Z'].map((time) => makeEvent('times', { time })));
    await http.index();
    expect(await rowsOf(`SELECT count(*)::int AS rows FROM event_index WHERE ledger_id = ${ledger.ledgerId}`)).toEqual([{ rows: 3 }]);
  });
});

describe('the gap report', () => {
  const numbered = (id: string, sequence: number): Partial<Event> => ({ producer: { id, sequence } });
  const report = async (tenant: string): Promise<{ checkedAt?: string; producers: Record<string, unknown>[] }> =>
    (await fetch(`${http.url}/ledgers/${tenant}/producers`)).json() as Promise<{ checkedAt?: string; producers: Record<string, unknown>[] }>;
  const gauge = async (name: string, tenant: string): Promise<string | undefined> =>
    new RegExp(`countersign_ledger_producer_${name}{tenant="${tenant}",source="identity",service="ledger"} (\\d+)`).exec(await http.registry.metrics())?.[1];

  it('names numbers that were missing at two checks, and forgets them when they come', async () => {
    const ledger = await ledgers.ledger('gaps');
    const sent = [3, 4, 8, 9, 10];
    await ledger.append(sent.map((sequence) => makeEvent('gaps', numbered('p-1', sequence))));
    await ledger.append([1, 2, 3].map((sequence) => makeEvent('gaps', numbered('p-2', sequence))));
    await http.index();
    await http.indexer.pass();
    expect(await report('gaps')).toMatchObject({
      producers: [{ source: 'identity', producerId: 'p-1', highestSequence: 10, silent: false, missingCount: 5, missing: [{ first: 1, last: 2 }, { first: 5, last: 7 }] }],
    });
    expect(await gauge('missing_sequences', 'gaps')).toBe('5');
    await ledger.append([1, 2, 5, 6].map((sequence) => makeEvent('gaps', numbered('p-1', sequence))));
    await http.index();
    expect(await report('gaps')).toMatchObject({ producers: [{ producerId: 'p-1', missingCount: 1, missing: [{ first: 7, last: 7 }] }] });
    await ledger.append([makeEvent('gaps', numbered('p-1', 7))]);
    await http.index();
    expect((await report('gaps')).producers).toEqual([]);
    expect(await gauge('missing_sequences', 'gaps')).toBe('0');
  });

  it('of a producer that numbers across ledgers names what none of them has', async () => {
    const [one, two] = [await ledgers.ledger('across-one'), await ledgers.ledger('across-two')];
    const append = (ledger: typeof one, tenant: string, ...sequences: readonly number[]) => ledger.append(sequences.map((sequence) => makeEvent(tenant, numbered('p-across', sequence))));
    await append(one, 'across-one', 1, 4, 7);
    await append(two, 'across-two', 2, 3, 6);
    await http.index();
    await http.indexer.pass();
    const five = [{ producerId: 'p-across', missingCount: 1, missing: [{ first: 5, last: 5 }] }];
    expect([(await report('across-one')).producers, (await report('across-two')).producers]).toMatchObject([five, five]);
    expect(await gauge('missing_sequences', 'across-one')).toBe('1');
    await append(two, 'across-two', 5);
    await http.index();
    expect([(await report('across-one')).producers, (await report('across-two')).producers]).toEqual([[], []]);
    expect(await gauge('missing_sequences', 'across-one')).toBe('0');
  });

  it('does not call a producer silent that sends to another ledger', async () => {
    const [one, two] = [await ledgers.ledger('heard-one'), await ledgers.ledger('heard-two')];
    await one.append([makeEvent('heard-one', numbered('p-heard', 1))]);
    await two.append([makeEvent('heard-two', numbered('p-heard', 2))]);
    await http.index();
    const seenTwoHoursAgo = (ledger: typeof one): Promise<unknown> => ledgers.admin.query(`UPDATE producers SET last_seen_at = now() - interval '2 hours' WHERE ledger_id = ${ledger.ledgerId}`);
    await seenTwoHoursAgo(one);
    expect((await report('heard-one')).producers).toEqual([]);
    expect(await gauge('silent', 'heard-one')).toBe('0');
    await seenTwoHoursAgo(two);
    expect((await report('heard-one')).producers).toMatchObject([{ producerId: 'p-heard', silent: true }]);
  });

  it('does not name a number that is merely late', async () => {
    const ledger = await ledgers.ledger('late');
    const hourly = indexer();
    await ledger.append([1, 3].map((sequence) => makeEvent('late', numbered('p-late', sequence))));
    await hourly.pass();
    await hourly.pass();
    expect((await report('late')).producers).toEqual([]);
  });

  it('counts what arrived and was refused, or arrived twice', async () => {
    const ledger = await ledgers.ledger('twice');
    const first = makeEvent('twice', numbered('p-twice', 1));
    await ledger.append([first]);
    await ledger.append([{ ...first, ...numbered('p-twice', 2) }, { ...first, outcome: 'denied', ...numbered('p-twice', 3) }, makeEvent('twice', numbered('p-twice', 4))]);
    await http.index();
    await http.indexer.pass();
    expect((await report('twice')).producers).toEqual([]);
  });

  it('names a producer that fell silent, until it is taken for retired', async () => {
    const ledger = await ledgers.ledger('silent');
    await ledger.append([makeEvent('silent', numbered('p-silent', 1))]);
    await http.index();
    const lastSeen = (ago: string): Promise<unknown> => ledgers.admin.query(`UPDATE producers SET last_seen_at = now() - interval '${ago}' WHERE ledger_id = ${ledger.ledgerId}`);
    expect((await report('silent')).producers).toEqual([]);
    await lastSeen('2 hours');
    expect((await report('silent')).producers).toMatchObject([{ producerId: 'p-silent', silent: true, missingCount: 0, missing: [] }]);
    expect(await gauge('silent', 'silent')).toBe('1');
    await lastSeen('31 days');
    expect((await report('silent')).producers).toEqual([]);
    expect(await gauge('silent', 'silent')).toBe('0');
  });

  it('remembers a bounded number of runs of a producer that numbers at random', async () => {
    const ledger = await ledgers.ledger('random');
    await ledger.append(Array.from({ length: 40 }, (_, n) => makeEvent('random', numbered('p-random', (n + 1) * 10))));
    await http.index();
    await http.indexer.pass();
    const [{ runs, highest } = {}] = await rowsOf(
      `SELECT (SELECT count(*)::int FROM unnest(seen)) AS runs, upper(seen)::int - 1 AS highest FROM producers WHERE ledger_id = ${ledger.ledgerId}`,
    );
    expect({ highest, isBounded: Number(runs) <= RUNS_KEPT_MAX + 1 }).toEqual({ highest: 400, isBounded: true });
  });
});

describe('what is recorded of one person', () => {
  const personal = (n: number) => ({ personal: n % 7 === 0 ? [{ subject: 'anna', data: { n } }, { subject: 'ben', data: { n } }] : undefined });
  const acts = (n: number): Partial<Event> => ({ ...personal(n), actor: { type: 'user', id: n % 11 === 0 ? 'anna' : `u-${n}` }, resource: n % 13 === 0 ? { type: 'user', id: 'anna' } : undefined });
  const hers = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => n).filter((n) => n % 7 === 0 || n % 11 === 0 || n % 13 === 0).map((n) => from + n);
  const entriesOf = async (limit: number): Promise<number[]> => {
    const persons = new PersonEntries(ledgers.reader, new PgReadStore(ledgers.reader), CLOSED, PART_CLASSES_DEFAULT, { of: async (_ledger, records) => records.map(() => undefined) });
    const found: number[] = [];
    for (let after: string | undefined; ; ) {
      const { records, next } = await persons.export({ tenant: 'anyone', subject: 'anna', limit, ...(after === undefined ? {} : { after }) });
      found.push(...records.filter(({ id }) => id.startsWith('persons/')).map(({ id }) => Number(id.split('/')[1])));
      if (next === undefined) return found;
      after = next;
    }
  };

  it('is found alike by reading, by the index, behind the index, and where the index did not know subjects yet', async () => {
    const ledger = await ledgers.ledger('persons');
    await ledger.append(makeEvents('persons', 200, acts));
    const expected = hers(0, 200);
    expect(await entriesOf(100)).toEqual(expected);
    await http.index();
    expect(await rowsOf(`SELECT DISTINCT subject FROM event_subjects WHERE ledger_id = ${ledger.ledgerId} ORDER BY 1`)).toEqual([{ subject: 'anna' }, { subject: 'ben' }]);
    for (const limit of [3, 100]) expect(await entriesOf(limit)).toEqual(expected);
    await ledger.append(makeEvents('persons', 100, acts));
    const all = [...expected, ...hers(200, 100)];
    for (const limit of [3, 100]) expect(await entriesOf(limit)).toEqual(all);
    await ledgers.admin.query(`UPDATE index_cursors SET subjects_from = 120 WHERE ledger_id = ${ledger.ledgerId}`);
    await ledgers.admin.query(`DELETE FROM event_subjects WHERE ledger_id = ${ledger.ledgerId} AND leaf_index < 120`);
    for (const limit of [3, 100]) expect(await entriesOf(limit)).toEqual(all);
    await new PgIndexStore(ledgers.runtime).reset(ledger);
    await http.index();
    expect(await entriesOf(7)).toEqual(all);
    expect(await rowsOf(`SELECT subjects_from, indexed_size FROM index_cursors WHERE ledger_id = ${ledger.ledgerId}`)).toEqual([{ subjects_from: '0', indexed_size: '300' }]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { searchPageSchema, type SearchPage } from '@countersign/contracts';
import type { EventFilters } from '../src/search/event-filters.js';
import { searchSql, stretchesOf, stretchesSql } from '../src/search/search-sql.js';
import { INDEX_BLOCK_LEAVES } from '../src/store/pg-index-store.js';
import { startHttpFixture, type HttpFixture } from './fixture/http-fixture.js';
import { makeEvents, startLedgerFixture, type LedgerFixture, type TestLedger } from './fixture/ledger-fixture.js';

let ledgers: LedgerFixture;
let http: HttpFixture;
let acme: TestLedger;

const TYPES = ['identity.session.created', 'identity.session.ended', 'identity.user.created', 'identity-x.session.created', 'keys.key.rotated'];
const SEVERITIES = ['info', 'info', 'info', 'notice', 'info', 'warning', 'info', 'alert'] as const;
const COUNT = 120;

const EVENT = (n: number): Partial<Event> => ({
  type: TYPES[n % TYPES.length]!,
  severity: SEVERITIES[n % SEVERITIES.length]!,
  actor: { type: 'user', id: `u-${n % 3}` },
  ...(n % 4 === 0 ? { resource: { type: 'contract', id: `r-${n % 8}` } } : {}),
  time: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString(),
  data: { n },
  ...(n % 10 === 0 ? { personal: [{ subject: 's-1', data: { ip: '192.0.2.1' } }] } : {}),
});

beforeAll(async () => {
  ledgers = await startLedgerFixture();
  http = await startHttpFixture(ledgers);
  acme = await ledgers.ledger('acme');
  // One source at a time, as messages have one; the order of the leaves is the order of `n` all the same.
  for (let n = 0; n < COUNT; n++) await acme.append(makeEvents('acme', 1, () => EVENT(n)));
  await http.index();
}, 60_000);
afterAll(async () => {
  await http?.stop();
  await ledgers?.stop();
}, 60_000);

async function ask(query: string, tenant = 'acme'): Promise<readonly [number, unknown]> {
  const response = await fetch(`${http.url}/ledgers/${tenant}/events?${query}`);
  return [response.status, await response.json()];
}

async function search(query: string): Promise<SearchPage> {
  const [status, body] = await ask(query);
  expect([status, body]).toEqual([200, expect.objectContaining({ events: expect.any(Array) })]);
  return searchPageSchema.parse(body);
}

const found = async (query: string): Promise<number[]> => (await search(`limit=500&${query}`)).events.map((event) => event.index);
const expected = (matches: (event: Partial<Event>, n: number) => boolean): number[] =>
  Array.from({ length: COUNT }, (_, n) => n).filter((n) => matches(EVENT(n), n)).reverse();

describe('a search', () => {
  it('finds everything, newest first, with entry and parts', async () => {
    expect(await found('')).toEqual(expected(() => true));
    const { events, indexedSize } = await search('limit=120');
    expect(indexedSize).toBe(COUNT);
    const entry = await fetch(`${http.url}/ledgers/acme/entries/110`).then((r): Promise<unknown> => r.json());
    expect(events.find((event) => event.index === 110)).toEqual(entry);
    expect(events[119]).toMatchObject({
      index: 0,
      entry: { type: TYPES[0], actor: { id: 'u-0' } },
      parts: [
        { name: 'data', state: 'present', value: { n: 0 } },
        { name: 'personal', subject: 's-1', state: 'present', value: { ip: '192.0.2.1' } },
      ],
    });
  });

  it('takes a type as whole words from the left', async () => {
    const under = (prefix: string): number[] => expected(({ type }) => type === prefix || type!.startsWith(`${prefix}.`));
    for (const prefix of ['identity', 'identity.session', 'identity.session.created', 'identity-x', 'keys']) {
      expect([prefix, await found(`type=${prefix}`)]).toEqual([prefix, under(prefix)]);
    }
    expect(await found('type=identity.sess')).toEqual([]);
    expect(await found('type=ident')).toEqual([]);
  });

  it('takes actor, resource, least severity and time', async () => {
    expect(await found('actor=u-1')).toEqual(expected(({ actor }) => actor!.id === 'u-1'));
    expect(await found('resource=r-4')).toEqual(expected(({ resource }) => resource?.id === 'r-4'));
    expect(await found('severity=info')).toEqual(expected(() => true));
    expect(await found('severity=notice')).toEqual(expected(({ severity }) => severity !== 'info'));
    expect(await found('severity=warning')).toEqual(expected(({ severity }) => severity === 'warning' || severity === 'alert'));
    expect(await found('severity=alert')).toEqual(expected(({ severity }) => severity === 'alert'));
    const [from, to] = ['2026-01-01T00:10:00Z', '2026-01-01T00:20:00.000Z'];
    expect(await found(`from=${from}&to=${to}`)).toEqual(expected((_, n) => n >= 10 && n < 20));
  });

  it('combines filters', async () => {
    expect(await found('type=identity&actor=u-2&severity=notice')).toEqual(
      expected(({ type, actor, severity }) => type!.startsWith('identity.') && actor!.id === 'u-2' && severity !== 'info'),
    );
    expect(await found('type=identity&severity=warning&from=2026-01-01T01:00:00Z')).toEqual(
      expected(({ type, severity }, n) => type!.startsWith('identity.') && (severity === 'warning' || severity === 'alert') && n >= 60),
    );
    expect(await found('type=keys&resource=r-0')).toEqual(expected(({ type, resource }) => type!.startsWith('keys.') && resource?.id === 'r-0'));
    expect(await found('actor=nobody')).toEqual([]);
  });

  it.each(['', 'type=identity', 'severity=notice', 'actor=u-1', 'from=2026-01-01T00:05:00Z'])('with %p pages without loss or repetition while the ledger grows', async (filters) => {
    const whole = await found(filters);
    const paged: number[] = [];
    let cursor: string | undefined;
    do {
      const page: SearchPage = await search(`limit=7&${filters}${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      paged.push(...page.events.map((event) => event.index));
      cursor = page.next;
      await acme.append(makeEvents('acme', 1, () => ({ ...EVENT(1), severity: 'alert' })));
      await http.index();
    } while (cursor !== undefined);
    expect(paged).toEqual(whole);
  });

  it('refuses a cursor of other filters, another ledger, or nobody', async () => {
    const { next } = await search('type=identity&limit=1');
    const refused = (code: string): unknown => [400, expect.objectContaining({ code, field: 'cursor' })];
    expect(await ask(`type=identity&limit=2&cursor=${next}`)).toEqual([200, expect.anything()]);
    expect(await ask(`type=keys&cursor=${next}`)).toEqual(refused('CURSOR_OF_OTHER_QUERY'));
    expect(await ask(`cursor=${next}`)).toEqual(refused('CURSOR_OF_OTHER_QUERY'));
    await ledgers.ledger('other');
    expect(await ask(`type=identity&cursor=${next}`, 'other')).toEqual(refused('CURSOR_OF_OTHER_QUERY'));
    for (const bad of ['x', `${next}A`, `${next!.slice(0, -1)}=`, 'AAAAAAAAAAAAAAAAAAAAAAAAAAAA']) {
      expect([bad, await ask(`type=identity&cursor=${encodeURIComponent(bad)}`)]).toEqual([bad, refused('CURSOR_MALFORMED')]);
    }
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['limit=ten', 'limit'],
    ['severity=fatal', 'severity'],
    ['from=yesterday', 'from'],
    ['from=2026-01-01', 'from'],
    ['to=2026-01-01T00:00:00%2B01:00', 'to'],
    ['to=0000-01-01T00:00:00Z', 'to'],
    ['type=Identity', 'type'],
    ['type=identity.', 'type'],
    ['type=a&type=b', 'type'],
    ['actor=', 'actor'],
    ['actr=u-1', 'actr'],
  ])('refuses %s and names the field', async (query, field) => {
    expect(await ask(query)).toEqual([400, expect.objectContaining({ code: 'REQUEST_INVALID', field })]);
  });

  it('finds by time what came late, among stretches without number', async () => {
    const { ledgerId } = await ledgers.ledger('late');
    const count = 140 * INDEX_BLOCK_LEAVES;
    // Every other stretch of leaves holds one event of the first day: more stretches than one search reads one by one.
    const isLate = `n % ${2 * INDEX_BLOCK_LEAVES} = 5`;
    await ledgers.admin.query(
      `WITH made AS (
         INSERT INTO event_index (ledger_id, leaf_index, event_id, type, severity, time, actor_id)
         SELECT ${ledgerId}, n, gen_random_uuid(), 'identity.session.created', 0, timestamptz '2026-01-01Z' + n * interval '1 ms' + CASE WHEN ${isLate} THEN '0' ELSE '10 days' END::interval, 'u-1'
           FROM generate_series(0, ${count - 1}) AS n RETURNING leaf_index, time)
       INSERT INTO event_index_blocks SELECT ${ledgerId}, leaf_index / ${INDEX_BLOCK_LEAVES}, min(time), max(time) FROM made GROUP BY 2`,
    );
    const wanted = Array.from({ length: count }, (_, n) => n).filter((n) => n % (2 * INDEX_BLOCK_LEAVES) === 5).reverse();
    const ask = async (filters: EventFilters, belowIndex: number, limit: number): Promise<number[]> => {
      const stretches = stretchesSql(ledgerId, filters, belowIndex);
      const { rows } = await ledgers.reader.query<{ lo: string; hi: string }>(stretches.text, stretches.values);
      const matches = searchSql(ledgerId, filters, stretchesOf(rows), belowIndex, limit);
      return (await ledgers.reader.query<{ leaf_index: string }>(matches.text, matches.values)).rows.map((row) => Number(row.leaf_index));
    };
    const to = '2026-01-02T00:00:00Z';
    expect(await ask({ to }, Number.MAX_SAFE_INTEGER, 500)).toEqual(wanted);
    expect(await ask({ to, type: 'identity' }, Number.MAX_SAFE_INTEGER, 40)).toEqual(wanted.slice(0, 40));
    expect(await ask({ to, type: 'identity' }, wanted[39]!, 500)).toEqual(wanted.slice(40));
    expect(await ask({ to: '2025-01-01T00:00:00Z' }, Number.MAX_SAFE_INTEGER, 500)).toEqual([]);
  });

  it('says what became of parts and of entries that were changed', async () => {
    const broken = await ledgers.ledger('broken');
    await broken.append(makeEvents('broken', 4, (n) => ({ data: { n } })));
    await ledgers.admin.query('ALTER TABLE entries DISABLE TRIGGER entries_append_only');
    const change = (set: string, index: number): Promise<unknown> =>
      ledgers.admin.query(`UPDATE entries SET ${set} WHERE ledger_id = ${broken.ledgerId} AND leaf_index = ${index}`);
    await change('data_part = NULL', 0);
    await change(`data_part = data_part || 'x'`, 1);
    await change(`entry = '\\xff00'`, 2);
    await http.index();
    const [, body] = await ask('', 'broken');
    const { events, indexedSize } = body as SearchPage;
    expect(indexedSize).toBe(4);
    // Entry 2 cannot be indexed any more, and hides none of its neighbours.
    expect(events.map(({ index, parts }) => [index, parts[0]?.state])).toEqual([[3, 'present'], [1, 'altered'], [0, 'destroyed']]);
    expect(await fetch(`${http.url}/ledgers/broken/entries/2`).then((r) => r.json())).toMatchObject({ index: 2, parts: [], fault: 'ENTRY_MALFORMED' });
    const metrics = await http.registry.metrics();
    expect(metrics).toContain('countersign_ledger_index_unreadable_entries_total{tenant="broken",service="ledger"} 1');
  });
});

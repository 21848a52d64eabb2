import { request as rawRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FAULT_CODES, verifyCheckpoint } from '@countersign/chain';
import { problemSchema, refusedPageSchema } from '@countersign/contracts';
import type { VerificationView } from '../src/http/deps.js';
import { EDGE_FAULT_CODES } from '../src/http/edge-fault.js';
import { statusOf } from '../src/http/fault-status.js';
import { faultOf } from '../src/http/problem.js';
import { READ_FAULT_CODES } from '../src/store/read-fault.js';
import { fixedVerification, INTACT, startHttpFixture, type HttpFixture } from './fixture/http-fixture.js';
import { makeEvent, makeEvents, recordedIn, startLedgerFixture, type LedgerFixture, type TestLedger } from './fixture/ledger-fixture.js';

let ledgers: LedgerFixture;
let http: HttpFixture;
let acme: TestLedger;
let release: () => void = () => undefined;
let held: Promise<void> | undefined;

// Verifications wait while `held` is set, so that a test can have several under way.
const verification: VerificationView = {
  ...fixedVerification(INTACT),
  verifyRange: async (tenant, range) => {
    await held;
    return fixedVerification({ ...INTACT, treeSize: 300 }).verifyRange(tenant, range);
  },
};

beforeAll(async () => {
  ledgers = await startLedgerFixture();
  http = await startHttpFixture(ledgers, { verification });
  acme = await ledgers.ledger('acme');
  await acme.append(makeEvents('acme', 300, (n) => ({ data: { n }, personal: [{ subject: 's', data: { ip: '192.0.2.7' } }] })));
  await acme.sign();
}, 60_000);
afterAll(async () => {
  await http?.stop();
  await ledgers?.stop();
}, 60_000);

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}
async function call(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(http.url + path, init);
  const text = await response.text();
  const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
}
const post = (path: string, body?: string, type = 'application/json'): Promise<Answer> =>
  call(path, { method: 'POST', body, headers: body === undefined ? {} : { 'content-type': type } });
const verifications = '/ledgers/acme/verifications';

describe('a problem', () => {
  it('is problem+json with a stable code, the field and the correlation id', async () => {
    const { status, body, headers } = await call('/ledgers/nobody', { headers: { 'x-correlation-id': 'req-7.a_b' } });
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(headers.get('x-correlation-id')).toBe('req-7.a_b');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(problemSchema.parse(body)).toEqual({
      type: 'urn:countersign:fault:LEDGER_UNKNOWN',
      title: 'Not Found',
      status,
      detail: 'there is no ledger of this name',
      code: 'LEDGER_UNKNOWN',
      field: 'tenant',
      correlationId: 'req-7.a_b',
    });
  });

  it('has a correlation id of its own when none that a log can hold is sent', async () => {
    for (const sent of [undefined, 'a b', 'x'.repeat(129), '{"a":1}']) {
      const { headers } = await call('/healthz', sent === undefined ? {} : { headers: { 'x-correlation-id': sent } });
      expect(headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each([
    ['GET', '/', 404, 'ROUTE_UNKNOWN'],
    ['GET', '/ledgers/acme/nothing', 404, 'ROUTE_UNKNOWN'],
    ['DELETE', '/ledgers/acme', 404, 'ROUTE_UNKNOWN'],
    ['GET', '/ledgers/ACME', 400, 'REQUEST_INVALID'],
    ['GET', `/ledgers/${'a'.repeat(64)}`, 400, 'REQUEST_INVALID'],
    ['GET', `/ledgers/${'a'.repeat(200)}`, 414, 'URL_TOO_LONG'],
    ['GET', '/ledgers/a%2Fb/checkpoint', 400, 'REQUEST_INVALID'],
    ['GET', '/ledgers/%ZZ/checkpoint', 400, 'REQUEST_INVALID'],
    ['GET', '/ledgers?limit=1001', 400, 'REQUEST_INVALID'],
    ['GET', `/ledgers/acme/events?actor=${'a'.repeat(5000)}`, 414, 'URL_TOO_LONG'],
    ['GET', '/ledgers/nobody/checkpoint', 404, 'LEDGER_UNKNOWN'],
    ['GET', '/ledgers/nobody/tile/0/000', 404, 'LEDGER_UNKNOWN'],
    ['GET', '/ledgers/nobody/events', 404, 'LEDGER_UNKNOWN'],
    ['GET', '/ledgers/nobody/producers', 404, 'LEDGER_UNKNOWN'],
    ['GET', '/ledgers/nobody/refused', 404, 'LEDGER_UNKNOWN'],
    ['GET', '/ledgers/nobody/verdicts', 404, 'LEDGER_UNKNOWN'],
    ['GET', '/ledgers/nobody/export', 404, 'LEDGER_UNKNOWN'],
    ['POST', '/ledgers/nobody/verifications', 404, 'LEDGER_UNKNOWN'],
  ])('answers %s %s with %s %s', async (method, path, status, code) => {
    const answer = await call(path, { method });
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  });

  it.each([
    ['{"fromIndex":', 'application/json', 400, 'BODY_MALFORMED'],
    ['', 'application/json', 400, 'BODY_MALFORMED'],
    [JSON.stringify({ pad: 'x'.repeat(20_000) }), 'application/json', 413, 'BODY_TOO_LARGE'],
    ['fromIndex=1', 'text/csv', 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['{"fromIndex":-1}', 'application/json', 400, 'REQUEST_INVALID'],
    ['{"fromIndex":5,"toIndex":5}', 'application/json', 400, 'REQUEST_INVALID'],
    ['{"from":5}', 'application/json', 400, 'REQUEST_INVALID'],
    ['[]', 'application/json', 400, 'REQUEST_INVALID'],
    ['{"toIndex":301}', 'application/json', 400, 'RANGE_BEYOND_LEDGER'],
  ])('answers the body %s of %s with %s %s', async (body, type, status, code) => {
    const answer = await post(verifications, body, type);
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([status, code]);
  });

  it('comes for headers that are too long', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = rawRequest(`${http.url}/healthz`, { headers: { pad: 'x'.repeat(20_000) } }, (response) => resolve(response.resume().statusCode));
      request.on('error', reject).end();
    });
    expect(status).toBe(431);
  });

  it('has a status for every code that there is', () => {
    const codes = [...FAULT_CODES, ...READ_FAULT_CODES, ...EDGE_FAULT_CODES];
    expect(codes.filter((code) => !(statusOf(code) >= 400 && statusOf(code) < 600))).toEqual([]);
  });

  it.each([
    [{ code: '57014' }, 'QUERY_TOO_SLOW'],
    [{ code: 'ECONNREFUSED' }, 'STORE_UNAVAILABLE'],
    [{ code: '57P01' }, 'STORE_UNAVAILABLE'],
    [{ code: '08006' }, 'STORE_UNAVAILABLE'],
    [new Error('timeout exceeded when trying to connect'), 'STORE_UNAVAILABLE'],
    [{ code: 'FST_ERR_HANDLER_TIMEOUT' }, 'TOOK_TOO_LONG'],
    [new Error('secret'), 'INTERNAL'],
    ['secret', 'INTERNAL'],
  ])('names %p %s and quotes nothing of it', (error, code) => {
    const fault = faultOf(error);
    expect(fault.code).toBe(code);
    expect(fault.detail).not.toContain('secret');
  });
});

describe('the ledgers', () => {
  it('are listed in pages', async () => {
    for (const tenant of ['beta', 'gamma']) await ledgers.ledger(tenant);
    const first = await call('/ledgers?limit=2');
    expect(first.body).toEqual({
      ledgers: [
        { tenant: 'acme', origin: 'ledger.example/acme', treeSize: 300, checkpointSize: 300, indexedSize: expect.any(Number) },
        { tenant: 'beta', origin: 'ledger.example/beta', treeSize: 0, checkpointSize: 0, indexedSize: 0 },
      ],
      next: 'beta',
    });
    expect((await call('/ledgers?limit=2&after=beta')).body).toMatchObject({ ledgers: [{ tenant: 'gamma' }] });
  });

  it('list what was refused, never what was in it', async () => {
    const refusing = await ledgers.ledger('refusing');
    const good = makeEvent('refusing');
    await refusing.append([good]);
    await refusing.append([{ ...good, outcome: 'denied' }, { ...makeEvent('refusing'), colour: 'red' } as never]);
    const { refused, next } = refusedPageSchema.parse((await call('/ledgers/refusing/refused?limit=1')).body);
    const older = refusedPageSchema.parse((await call(`/ledgers/refusing/refused?before=${next}`)).body);
    const told = [...refused, ...older.refused].map(({ code, field, source, eventId }) => ({ code, field, source, known: eventId === good.id }));
    expect(told).toEqual([
      { code: 'EVENT_FIELD_UNKNOWN', field: '*', source: 'identity', known: false },
      { code: 'EVENT_ID_REUSED', field: 'id', source: 'identity', known: true },
    ]);
    expect((await call('/ledgers/acme/refused')).body).toEqual({ refused: [] });
  });
});

describe('verification by HTTP', () => {
  it('verifies a range on demand and lists verdicts', async () => {
    expect((await post(verifications, '{"fromIndex":3,"toIndex":9}')).body).toMatchObject({ kind: 'range', fromIndex: 3, toIndex: 9, verdict: 'intact' });
    expect((await post(verifications)).body).toMatchObject({ kind: 'range', fromIndex: 0, toIndex: 300 });
    expect((await call('/ledgers/acme/verdicts?limit=1')).body).toEqual({ verdicts: [INTACT] });
  });

  it('turns away what it has no place for', async () => {
    held = new Promise((resolve) => (release = resolve));
    const three = [post(verifications), post(verifications), post(verifications)];
    const turnedAway = await Promise.race(three);
    expect([turnedAway.status, turnedAway.headers.get('retry-after'), (turnedAway.body as { code: string }).code]).toEqual([429, '5', 'VERIFICATION_BUSY']);
    release();
    held = undefined;
    expect((await Promise.all(three)).map(({ status }) => status).sort()).toEqual([200, 200, 429]);
    expect((await post(verifications)).status).toBe(200);
  });
});

describe('an export', () => {
  it('holds every entry up to the checkpoint, and its checkpoint', async () => {
    const late = recordedIn(await acme.append(makeEvents('acme', 1)))[0]!;
    const { status, body, headers } = await call('/ledgers/acme/export');
    expect([status, headers.get('content-type'), headers.get('content-disposition')]).toEqual([
      200,
      'application/x-ndjson',
      'attachment; filename="acme-300.csx"',
    ]);
    const lines = (body as string).trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toHaveLength(300 + 3);
    expect(lines[0]).toMatchObject({ tenant: 'acme', origin: acme.origin, treeSize: 300 });
    expect(lines.slice(1, 301).map((line) => (line['entry'] as { index: number }).index)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(verifyCheckpoint(lines[301]!['checkpoint'] as string, { origin: acme.origin, vkeys: acme.vkeys }).treeSize).toBe(300);
    expect(body).not.toContain(late.id);
  });

  it('breaks off where an entry is missing, without the line that would make it whole', async () => {
    const holed = await ledgers.ledger('holed');
    await holed.append(makeEvents('holed', 600));
    await holed.sign();
    await ledgers.admin.query(`DELETE FROM entries WHERE ledger_id = ${holed.ledgerId} AND leaf_index = 550`);
    const read = async (): Promise<string> => {
      const response = await fetch(`${http.url}/ledgers/holed/export`);
      let text = '';
      try {
        for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
      } catch {
        return text;
      }
      return `${text} and ended in order`;
    };
    expect(await read()).not.toMatch(/sha256"|ended in order/);
    for (let i = 0; i < 5; i++) await read();
    expect((await call('/ledgers/acme/export')).status).toBe(200);
  });

  it('lets go of readers that went away', async () => {
    const long = await ledgers.ledger('long');
    await long.append(makeEvents('long', 20_000));
    await long.sign();
    for (let i = 0; i < 6; i++) {
      let response: Response;
      do response = await fetch(`${http.url}/ledgers/long/export`);
      while (response.status === 429);
      expect(response.status).toBe(200);
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
    }
  }, 30_000);

  it('is announced to HEAD without being read', async () => {
    const { status, headers } = await fetch(`${http.url}/ledgers/acme/export`, { method: 'HEAD' });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  });
});

describe('the service', () => {
  it('says how it is and what it measures', async () => {
    expect([(await call('/healthz')).body, (await call('/readyz')).body]).toEqual([{ status: 'ok' }, { ready: true, checks: { database: 'ok' } }]);
    const { body, headers } = await call('/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    const measured = (body as string).split('\n').filter((line) => line.startsWith('countersign_ledger_http_request_duration_seconds_count') && line.includes('/healthz'));
    expect(measured).toHaveLength(1);
    expect(body).toContain('countersign_ledger_index_lag_events{tenant="acme",service="ledger"}');
    expect(body).not.toContain('u-1');
  });

  it('logs neither queries nor addresses, and every line of a request has its correlation id', async () => {
    await call('/ledgers/acme/events?actor=somebody-s-id', { headers: { 'x-correlation-id': 'traced', 'user-agent': 'spy/1' } });
    await call('/ledgers/acme/events?actr=somebody-s-id', { headers: { 'x-correlation-id': 'traced' } });
    const log = http.logged.join('');
    expect(log).not.toMatch(/somebody-s-id|127\.0\.0\.1|spy\/1|192\.0\.2\.7/);
    const lines = http.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['correlationId'] === 'traced');
    expect(lines.map(({ method, path, status }) => ({ method, path, status }))).toEqual([
      { method: 'GET', path: '/ledgers/acme/events', status: 200 },
      { method: 'GET', path: '/ledgers/acme/events', status: 400 },
    ]);
  });

  it('closes though a reader does not let go', async () => {
    const own = await startHttpFixture(ledgers, { verification: { ...verification, verifyRange: () => new Promise(() => undefined) } });
    const stuck = fetch(`${own.url}${verifications}`, { method: 'POST' }).catch(() => 'cut off');
    while (!(await own.registry.metrics()).includes('http_requests_open{service="ledger"} 1')) continue;
    await own.stop();
    expect(await stuck).toBe('cut off');
  }, 20_000);
});

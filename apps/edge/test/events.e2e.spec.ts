import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeSet, permissionSet, type Grant } from '@countersign/access';
import { connectBus, connectProvisioner, ensureIntakeStream, type BusConnection } from '@countersign/bus';
import { EDGE_LEASE_MS, type IngestResult, type KeyPrincipal } from '@countersign/contracts';
import { newApiKey } from '@countersign/credentials';
import { choosePort, LedgerBook, localCertificate, SpanCollector, startBookLedger, startNats, traced, type BookLedger, type NatsServer } from '@countersign/devstack';
import { readConfig, type EdgeConfig } from '../src/config.js';
import { EVENTS_MAX } from '../src/ingest/read-events.js';
import { startEdge, type RunningEdge } from '../src/service.js';

const WRITE: Grant = { permission: 'event.write', scope: 'organization' };
const KIND = { NDJSON: 'application/x-ndjson', JSON: 'application/json', CLOUD: 'application/cloudevents+json', CLOUD_BATCH: 'application/cloudevents-batch+json' } as const;

let dir: string;
let nats: NatsServer;
let edge: RunningEdge;
let identity: BusConnection;
let agent: Agent;
let port: number;
let configOf: (port: number, receiptMs: number) => EdgeConfig;
const book = new LedgerBook();
let ledger: BookLedger;
/** What identity knows; each key's text. */
const known = new Map<string, KeyPrincipal | string>();
const asked: string[] = [];

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly json: { readonly code?: string; readonly field?: string; readonly results: readonly IngestResult[] };
}

/** Identity on the bus as the edge meets it: leases, and API keys with what they may do. */
function answerAsIdentity(): void {
  identity.subscribe('identity.*.*', (message) => {
    const { subject, data } = message;
    const respond = (reply: object): void => message.respond(JSON.stringify(reply));
    const { context } = JSON.parse(Buffer.from(data).toString()) as { context: { apiKey?: string; session?: string } };
    const operation = subject.split('.')[1];
    if (operation !== 'api-key-check') return respond({ result: operation === 'edge-lease' ? { lease: 'l1', ttlMs: EDGE_LEASE_MS } : {} });
    asked.push(context.apiKey!);
    const found = context.session === undefined ? (known.get(context.apiKey!) ?? 'API_KEY_REFUSED') : 'UNAUTHENTICATED';
    respond(typeof found === 'string' ? { error: { code: found, message: 'refused' } } : { result: found });
  });
}

function keyOf(change: Partial<Omit<KeyPrincipal, 'permissions'>> = {}, grants: readonly Grant[] = [WRITE]): string {
  const { text, id } = newApiKey();
  const service = { kind: 'service-account' as const, userId: `account-${id}`, keyId: id, keyDigest: 'A'.repeat(43), createdBy: 'admin', organization: 'acme', serviceName: 'billing', expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
  known.set(text, { ...service, ...change, permissions: encodeSet(permissionSet(grants)) });
  return text;
}

function ask(body: string | Buffer, { key, type = KIND.JSON, headers = {}, path = '/v1/events', method = 'POST', at = port }: { key?: string; at?: number; type?: string; headers?: Record<string, string>; path?: string; method?: string } = {}): Promise<Answer> {
  const given = { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...(method === 'GET' ? {} : { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }), ...headers };
  return new Promise((done, fail) => {
    const sent = httpsRequest({ host: 'localhost', port: at, path, method, agent, headers: given }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        done({ status: response.statusCode!, headers: response.headers, json: (text === '' ? {} : JSON.parse(text)) as Answer['json'] });
      });
    });
    sent.on('error', fail);
    sent.end(body);
  });
}
const brief = ({ status, json }: Answer) => ({ status, code: json.code, ...(json.field === undefined ? {} : { field: json.field }) });
const statuses = ({ status, json }: Answer) => [status, ...json.results.map((result) => ('code' in result ? `${result.status} ${result.code}` : result.status))];
const event = (change: object = {}) => ({ id: randomUUID(), type: 'http.billing.invoice.paid', time: '2026-11-22T10:00:00.000Z', data: { cents: 1 }, ...change });
const json = (value: unknown): string => JSON.stringify(value);
const lines = (...values: readonly unknown[]): string => values.map((value) => `${json(value)}\n`).join('');
const recorded = (id: string) => book.recorded.filter((one) => one.id === id).map((one) => JSON.parse(one.json) as { source: string; tenant: string; type: string; actor: object });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-edge-events-'));
  nats = await startNats({ dir });
  identity = await connectBus({ url: nats.url, nkeySeedFile: nats.users.identity, name: 'identity' });
  answerAsIdentity();
  await identity.flush();
  ledger = await startBookLedger(nats, book);
  const { certFile, keyFile } = await localCertificate(join(dir, 'tls'));
  agent = new Agent({ ca: readFileSync(certFile, 'utf8'), keepAlive: true });
  port = await choosePort(undefined);
  const away = await choosePort(undefined);
  configOf = (https, receiptMs) => readConfig({
    EDGE_NATS_URL: nats.url,
    EDGE_NATS_SEED_FILE: nats.users.edge,
    EDGE_LEDGER_URL: `http://127.0.0.1:${away}`,
    EDGE_PUBLIC_ORIGIN: `https://localhost:${https}`,
    EDGE_TLS_CERT_FILE: certFile,
    EDGE_TLS_KEY_FILE: keyFile,
    EDGE_HTTPS_PORT: String(https),
    EDGE_OPERATIONS_PORT: '0',
    EDGE_TRUSTED_PROXIES: '127.0.0.1',
    EDGE_RECEIPT_MS: String(receiptMs),
    EDGE_LOG_LEVEL: 'silent',
  });
  edge = await startEdge(configOf(port, 3_000));
});
afterAll(async () => {
  for (const { run } of edge.shutdown) await run();
  agent.destroy();
  await ledger.stop();
  await identity.close();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => void asked.splice(0));

describe('an event over HTTP', () => {
  it('gets the receipt of the ledger, and the same one when it is sent again', async () => {
    const key = keyOf();
    const sent = event({ personal: [{ subject: 'u-1', data: { ip: '192.0.2.1' } }], actor: { type: 'user', id: 'u-1' } });
    const first = await ask(json(sent), { key });
    expect(statuses(first)).toEqual([200, 'recorded']);
    const [result] = first.json.results;
    expect(result).toMatchObject({ id: sent.id, receipt: { id: sent.id, tenant: 'acme' } });
    const again = await ask(json(sent), { key });
    expect(statuses(again)).toEqual([200, 'repeated']);
    expect(again.json.results[0]).toMatchObject({ receipt: (result as { receipt: object }).receipt });
    expect(recorded(sent.id)).toMatchObject([{ source: 'http', tenant: 'acme', type: sent.type, actor: { type: 'user', id: 'u-1' } }]);
  });

  it('goes to the ledger in the trace of the request', async () => {
    const collector = await SpanCollector.start();
    const [traceId, spanId] = ['c'.repeat(32), 'd'.repeat(16)];
    await traced(collector, async () => {
      expect(statuses(await ask(json(event()), { key: keyOf(), headers: { traceparent: `00-${traceId}-${spanId}-01` } }))).toEqual([200, 'recorded']);
    });
    await collector.stop();
    const [request, sent] = ['POST /v1/events', 'send intake.http.*'].map((name) => collector.of(traceId).find((span) => span.name === name));
    expect(request).toMatchObject({ parentSpanId: spanId, attributes: { 'http.route': '/v1/events', 'http.response.status_code': 200 } });
    expect(sent).toMatchObject({ parentSpanId: request!.spanId, kind: 4 });
    expect(collector.text).not.toContain('acme');
  });

  it.each<[string, string, (events: readonly object[]) => string]>([
    ['an array', KIND.JSON, json],
    ['an array with a charset', `${KIND.JSON}; charset=utf-8`, json],
    ['lines', KIND.NDJSON, (events) => lines(...events)],
    ['lines with CRLF and blanks', KIND.NDJSON, (events) => events.map((one) => `\r\n${json(one)}\r\n`).join('\n')],
  ])('comes as %s too, and answers keep the order', async (_what, type, write) => {
    const events = [event(), event({ actor: { type: 'service', id: 'billing' } }), event({ severity: 'alert', outcome: 'denied' })];
    const answer = await ask(write(events), { key: keyOf(), type });
    expect(statuses(answer)).toEqual([200, 'recorded', 'recorded', 'recorded']);
    expect(answer.json.results.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
  });

  it('comes as a CloudEvent, under the name of its service', async () => {
    const cloud = { specversion: '1.0', id: 'A-1', source: '/shop', type: 'com.example.order_placed', time: '2026-11-22T11:00:00+01:00', data: { n: 1 } };
    const key = keyOf();
    const one = await ask(json(cloud), { key, type: KIND.CLOUD });
    expect(statuses(one)).toEqual([200, 'recorded']);
    expect(recorded(one.json.results[0]!.id!)).toMatchObject([{ type: 'http.billing.com.example.order-placed', source: 'http', actor: { type: 'service', id: 'billing' } }]);
    expect(statuses(await ask(json([cloud, { ...cloud, id: 'A-2' }]), { key, type: KIND.CLOUD_BATCH }))).toEqual([200, 'repeated', 'recorded']);
  });

  it('that is as large as may be is taken, and one byte more is refused alone', async () => {
    const sized = (bytes: number) => {
      const made = event({ data: { blob: '' } });
      const empty = Buffer.byteLength(json({ ...made, actor: { id: 'billing', type: 'service' }, outcome: 'success', severity: 'info', source: 'http', tenant: 'acme' }));
      return { ...made, data: { blob: 'x'.repeat(bytes - empty) } };
    };
    expect(statuses(await ask(json([sized(65_536), sized(65_537), event()]), { key: keyOf() }))).toEqual([207, 'recorded', 'refused EVENT_TOO_LARGE', 'recorded']);
  });

  it('fills several messages of the bus in one request', async () => {
    const events = Array.from({ length: 14 }, () => event({ data: { blob: 'x'.repeat(60_000) } }));
    const answer = await ask(lines(...events), { key: keyOf(), type: KIND.NDJSON });
    expect(new Set(statuses(answer))).toEqual(new Set([200, 'recorded']));
  });
});

describe('refused singly, beside those that are recorded:', () => {
  it.each<[string, string | undefined, object]>([
    ['EVENT_TENANT_MISMATCH', 'tenant', { tenant: 'initech' }],
    ['EVENT_SOURCE_MISMATCH', 'source', { source: 'identity' }],
    ['EVENT_SOURCE_MISMATCH', 'type', { type: 'http.shipping.parcel.sent' }],
    ['EVENT_SOURCE_MISMATCH', 'type', { type: 'http.billing.paid' }],
    ['EVENT_FIELD_INVALID', 'type', { type: 'identity.user.registered' }],
    ['EVENT_SOURCE_MISMATCH', 'actor', { actor: { type: 'service', id: 'identity' } }],
    ['EVENT_SOURCE_MISMATCH', 'actor', { actor: { type: 'system', id: 'operator' } }],
    ['EVENT_SOURCE_MISMATCH', 'actor', { actor: { type: 'api-key', id: 'aaaaaaaaaaaa' } }],
    ['EVENT_FIELD_UNKNOWN', 'producer', { producer: { id: 'p', sequence: 1 } }],
    ['EVENT_FIELD_MISSING', 'id', { id: undefined }],
    ['EVENT_FIELD_MISSING', 'time', { time: undefined }],
    ['EVENT_FIELD_INVALID', 'time', { time: 'yesterday' }],
    ['EVENT_FIELD_UNKNOWN', 'role', { role: 'owner' }],
  ])('%s at %s', async (code, field, change) => {
    const [good, bad] = [event(), event(change)];
    const mixed = await ask(json([bad, good]), { key: keyOf() });
    expect(statuses(mixed)).toEqual([207, `refused ${code}`, 'recorded']);
    expect(mixed.json.results[0]).toMatchObject({ field });
    expect(brief(await ask(json(bad), { key: keyOf() }))).toEqual({ status: 422, code, field });
    if ('id' in change) return;
    expect(recorded(bad.id)).toEqual([]);
  });

  it('what is no object, a line that is no JSON, and what the ledger refuses', async () => {
    const refused = event();
    book.refusing.set(refused.id, 'EVENT_ID_REUSED');
    const answer = await ask(`7\n{"id":\n${lines(refused, event())}`, { key: keyOf(), type: KIND.NDJSON });
    expect(statuses(answer)).toEqual([207, 'refused EVENT_NOT_OBJECT', 'refused EVENT_NOT_OBJECT', 'refused EVENT_ID_REUSED', 'recorded']);
    expect(statuses(await ask(json([7, 8]), { key: keyOf() }))).toEqual([422, 'refused EVENT_NOT_OBJECT', 'refused EVENT_NOT_OBJECT']);
  });

  it('an id that was used for other content, in another request or in the same', async () => {
    const [one, two] = [event(), event()];
    expect(statuses(await ask(json([one, { ...one, data: { cents: 2 } }, two]), { key: keyOf() }))).toEqual([207, 'recorded', 'refused EVENT_ID_REUSED', 'recorded']);
    expect(brief(await ask(json({ ...two, severity: 'alert' }), { key: keyOf() }))).toEqual({ status: 422, code: 'EVENT_ID_REUSED', field: 'id' });
  });
});

describe('a body as a whole', () => {
  it.each<[string, string | Buffer, string, object]>([
    ['without an event', '[]', KIND.JSON, { status: 400, code: 'BODY_MALFORMED' }],
    ['that is empty', '\n\n', KIND.NDJSON, { status: 400, code: 'BODY_MALFORMED' }],
    ['that is no JSON', '{', KIND.JSON, { status: 400, code: 'BODY_MALFORMED' }],
    ['that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), KIND.JSON, { status: 400, code: 'BODY_MALFORMED' }],
    ['with too many events', lines(...Array.from({ length: EVENTS_MAX + 1 }, () => 1)), KIND.NDJSON, { status: 413, code: 'EVENTS_TOO_MANY' }],
    ['that is too large', ' '.repeat(1_100_000), KIND.JSON, { status: 413, code: 'BODY_TOO_LARGE' }],
    ['of another type', 'a=b', 'text/plain', { status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' }],
  ])('%s is refused', async (_what, body, type, expected) => {
    expect(brief(await ask(body, { key: keyOf(), type }))).toEqual(expected);
  });

  it('of lines is taken by no other route', async () => {
    expect(brief(await ask('{}\n', { path: '/v1/sign-in', type: KIND.NDJSON }))).toEqual({ status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' });
  });
});

describe('who sends', () => {
  const body = (): string => json(event());

  it.each<[string, string, () => string]>([
    ['a person\'s key', 'FORBIDDEN', () => keyOf({ kind: 'api-key', serviceName: undefined })],
    ['a key that may not write', 'FORBIDDEN', () => keyOf({}, [{ permission: 'audit.read', scope: 'own' }])],
    ['a key of no organisation', 'FORBIDDEN', () => keyOf({ organization: undefined })],
  ])('with %s gets %s', async (_what, code, key) => {
    expect(brief(await ask(body(), { key: key() }))).toEqual({ status: 403, code });
  });

  it.each(['API_KEY_REVOKED', 'API_KEY_EXPIRED', 'API_KEY_REFUSED'])('is told %s, and how to authenticate', async (code) => {
    const key = newApiKey().text;
    known.set(key, code);
    const answer = await ask(body(), { key, headers: { 'x-forwarded-for': '192.0.2.1' } });
    expect(brief(answer)).toEqual({ status: 401, code });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="countersign"');
  });

  it('without a key, or with cookies beside it, is nobody else than the key says', async () => {
    expect(brief(await ask(body()))).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
    const cookies = { cookie: `__Host-session=${'A'.repeat(43)}`, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    // Identity would refuse a context with a session in it.
    expect((await ask(body(), { key: keyOf(), headers: cookies })).status).toBe(200);
  });

  it('with what no key can be is refused without asking identity', async () => {
    const real = newApiKey().text;
    const other = real.at(-1) === '0' ? '1' : '0';
    for (const authorization of [`Bearer ${real.slice(0, -1)}${other}`, 'Bearer', `Basic ${real}`, `Bearer ${real} x`, `Bearer ${real.slice(0, 60)}`, 'Bearer csk_ü']) {
      expect(brief(await ask(body(), { headers: { authorization: Buffer.from(authorization).toString('latin1'), 'x-forwarded-for': '192.0.2.2' } }))).toEqual({ status: 401, code: 'API_KEY_MALFORMED' });
    }
    expect(asked).toEqual([]);
  });

  it('is asked about once, while nothing changes', async () => {
    const key = keyOf();
    for (let i = 0; i < 3; i++) expect((await ask(body(), { key })).status).toBe(200);
    expect(asked).toEqual([key]);
  });

  it('and guesses is shut out for a while, from that address alone', async () => {
    const from = (ip: string) => ({ key: newApiKey().text, headers: { 'x-forwarded-for': ip } });
    const codes: (string | undefined)[] = [];
    for (let i = 0; i < 21; i++) codes.push((await ask('{}', from('192.0.2.3'))).json.code);
    expect([...new Set(codes)]).toEqual(['API_KEY_REFUSED', 'RATE_LIMITED']);
    expect(codes.indexOf('RATE_LIMITED')).toBe(20);
    expect(asked).toHaveLength(20);
    expect((await ask('{}', from('192.0.2.4'))).json.code).toBe('API_KEY_REFUSED');
  });
});

// At the end: the bus goes.
describe('when there is no answer', () => {
  it('of the ledger, nothing is promised; the same request gets its receipt later', async () => {
    const [key, one, two] = [keyOf(), event(), event()];
    book.stopped.add('acme');
    const [away, mixed] = await Promise.all([ask(json(one), { key }), ask(json([two, 7]), { key })]);
    expect(brief(away)).toEqual({ status: 503, code: 'RECEIPT_OUTSTANDING' });
    expect(away.headers['retry-after']).toBe('5');
    expect(statuses(mixed)).toEqual([207, 'unknown RECEIPT_OUTSTANDING', 'refused EVENT_NOT_OBJECT']);
    book.stopped.delete('acme');
    expect(statuses(await ask(json([one, two]), { key }))).toEqual([200, 'recorded', 'recorded']);
  });

  it('of the ledger, an edge that ends answers whoever waits, and ends in time', async () => {
    const [key, sent, other] = [keyOf(), event(), await choosePort(undefined)];
    const ending = await startEdge(configOf(other, 30_000));
    book.stopped.add('acme');
    const answer = ask(json(sent), { key, at: other });
    while (!asked.includes(key)) await sleep(20);
    await sleep(300);
    const startMs = performance.now();
    for (const { run } of ending.shutdown) await run();
    expect(brief(await answer)).toEqual({ status: 503, code: 'RECEIPT_OUTSTANDING' });
    expect(performance.now() - startMs).toBeLessThan(8_000);
    book.stopped.delete('acme');
    expect(statuses(await ask(json(sent), { key }))).toEqual([200, expect.stringMatching(/^re(corded|peated)$/)]);
  }, 40_000);

  it('of the intake, it says so at once', async () => {
    const [key, sent] = [keyOf(), event()];
    expect((await ask(json(event()), { key })).status).toBe(200);
    await ledger.stop();
    const admin = await connectProvisioner({ url: nats.url, nkeySeedFile: nats.users.provisioner });
    await admin.request('$JS.API.STREAM.DELETE.INTAKE', '', { timeoutMs: 5_000 });
    const away = await ask(json(sent), { key });
    expect(brief(away)).toEqual({ status: 503, code: 'LEDGER_UNAVAILABLE' });
    expect(away.headers['retry-after']).toBe('2');
    await ensureIntakeStream(admin);
    await admin.close();
    ledger = await startBookLedger(nats, book);
    expect(statuses(await ask(json(sent), { key }))).toEqual([200, 'recorded']);
  });

  it('of the bus, it says so, and goes on when it is back', async () => {
    const key = keyOf();
    expect((await ask(json(event()), { key })).status).toBe(200);
    await nats.kill('SIGKILL');
    const away = await ask(json(event()), { key });
    expect(away.status).toBe(503);
    expect(['LEDGER_UNAVAILABLE', 'IDENTITY_UNAVAILABLE']).toContain(away.json.code);
  });
});

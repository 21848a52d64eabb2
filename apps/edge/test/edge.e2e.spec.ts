import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { choosePort, localCertificate, startNats, type NatsServer } from '@countersign/devstack';
import { readConfig } from '../src/config.js';
import { startEdge, type RunningEdge } from '../src/service.js';

let dir: string;
let nats: NatsServer;
let edge: RunningEdge;
let ca: string;
let port: number;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: { code?: string; field?: string; correlationId?: string };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-edge-'));
  nats = await startNats({ dir });
  const { certFile, keyFile } = await localCertificate(join(dir, 'tls'));
  ca = readFileSync(certFile, 'utf8');
  port = await choosePort(undefined);
  edge = await startEdge(readConfig({
    EDGE_NATS_URL: nats.url,
    EDGE_NATS_SEED_FILE: nats.users.edge,
    EDGE_LEDGER_URL: `http://127.0.0.1:${await choosePort(undefined)}`,
    EDGE_PUBLIC_ORIGIN: `https://localhost:${port}`,
    EDGE_TLS_CERT_FILE: certFile,
    EDGE_TLS_KEY_FILE: keyFile,
    EDGE_HTTPS_PORT: String(port),
    EDGE_OPERATIONS_PORT: '0',
    EDGE_LOG_LEVEL: 'silent',
    EDGE_SECURITY_CONTACT: 'mailto:security@example.com, https://example.com/report',
  }));
});
afterAll(async () => {
  for (const { run } of edge.shutdown) await run();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

function ask(method: string, path: string, options: { headers?: Record<string, string>; body?: string | Buffer } = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const given: RequestOptions = { host: 'localhost', port, path, method, ca, agent: false, headers: { ...(options.body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(options.body) }), ...options.headers } };
    const sent = httpsRequest(given, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const isJson = /json/.test(response.headers['content-type'] ?? '');
        done({ status: response.statusCode!, headers: response.headers, text, json: (isJson ? JSON.parse(text) : {}) as Answer['json'] });
      });
    });
    sent.on('error', fail);
    sent.end(options.body);
  });
}
const signIn = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> => ask('POST', '/v1/sign-in', { body: typeof body === 'string' ? body : JSON.stringify(body), headers });
const brief = ({ status, json }: Answer) => ({ status, code: json.code, ...(json.field === undefined ? {} : { field: json.field }) });
const CREDENTIALS = { email: 'ana@example.com', password: 'correct horse battery' };

describe('the public listener', () => {
  it.each<[SecureVersion, string | null]>([['TLSv1.3', 'TLSv1.3'], ['TLSv1.2', null]])('offered %s speaks %s', async (version, spoken) => {
    const protocol = await new Promise<string | null>((done) => {
      const socket = connect({ host: 'localhost', port, ca, minVersion: version, maxVersion: version }, () => {
        done(socket.getProtocol());
        socket.end();
      });
      socket.on('error', () => done(null));
    });
    expect(protocol).toBe(spoken);
  });

  it('sends the headers of a hardened site with every answer, errors too', async () => {
    for (const { headers } of [await ask('GET', '/docs'), await ask('GET', '/nothing'), await signIn({})]) {
      expect(headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains; preload');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['x-frame-options']).toBe('DENY');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
      expect(headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers['server'] ?? headers['x-powered-by']).toBeUndefined();
    }
  });

  it('has neither health nor metrics; the other listener has', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) expect(brief(await ask('GET', path))).toEqual({ status: 404, code: 'ROUTE_UNKNOWN' });
    expect((await fetch(`${edge.operationsUrl}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${edge.operationsUrl}/metrics`)).text()).toContain('countersign_edge_lease_held{service="edge"} 0');
  });

  it('shows its contract', async () => {
    const document = JSON.parse((await ask('GET', '/openapi.json')).text) as { paths: object };
    expect(Object.keys(document.paths)).toContain('/v1/account/sessions/{sessionId}');
    expect((await ask('GET', '/docs')).headers['content-type']).toBe('text/html; charset=utf-8');
  });
});

describe('security.txt', () => {
  it('says where faults are reported, to whoever asks', async () => {
    const { status, headers, text } = await ask('GET', '/.well-known/security.txt');
    expect({ status, type: headers['content-type'], cache: headers['cache-control'] }).toEqual({ status: 200, type: 'text/plain; charset=utf-8', cache: 'public, max-age=86400' });
    expect(text.split('\r\n').filter((line) => line.startsWith('Contact: '))).toEqual(['Contact: mailto:security@example.com', 'Contact: https://example.com/report']);
    expect(Date.parse(/^Expires: (.*)$/m.exec(text)![1]!)).toBeGreaterThan(Date.now());
  });
});

describe('bad input', () => {
  it.each<[string, string, string, Parameters<typeof ask>[2], object]>([
    ['an unknown path', 'GET', '/v1/nothing', {}, { status: 404, code: 'ROUTE_UNKNOWN' }],
    ['another method', 'DELETE', '/v1/sign-in', {}, { status: 405, code: 'METHOD_NOT_ALLOWED' }],
    ['no JSON', 'POST', '/v1/sign-in', { body: '{' }, { status: 400, code: 'BODY_MALFORMED' }],
    ['no body', 'POST', '/v1/sign-in', {}, { status: 400, code: 'REQUEST_INVALID', field: 'email' }],
    ['another type', 'POST', '/v1/sign-in', { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, { status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' }],
    ['a poisoned prototype', 'POST', '/v1/sign-in', { body: '{"__proto__":{"a":1}}' }, { status: 400, code: 'BODY_MALFORMED' }],
    ['too many levels', 'POST', '/v1/sign-in', { body: '['.repeat(40) + ']'.repeat(40) }, { status: 400, code: 'BODY_TOO_DEEP' }],
    ['too much', 'POST', '/v1/sign-in', { body: JSON.stringify({ email: 'x'.repeat(1_100_000) }) }, { status: 413, code: 'BODY_TOO_LARGE' }],
    ['a field that is missing', 'POST', '/v1/sign-in', { body: '{"email":"ana@example.com"}' }, { status: 400, code: 'REQUEST_INVALID', field: 'password' }],
    ['a field of another type', 'POST', '/v1/sign-in', { body: '{"email":1,"password":"x"}' }, { status: 400, code: 'REQUEST_INVALID', field: 'email' }],
    ['a field too many (mass assignment)', 'POST', '/v1/sign-in', { body: JSON.stringify({ ...CREDENTIALS, role: 'owner' }) }, { status: 400, code: 'REQUEST_INVALID', field: 'role' }],
    ['an e-mail with a line break', 'POST', '/v1/sign-in', { body: JSON.stringify({ ...CREDENTIALS, email: 'a@b.c\r\nBcc: x@y.z' }) }, { status: 400, code: 'REQUEST_INVALID', field: 'email' }],
    ['a query where none is', 'POST', '/v1/sign-in?admin=1', { body: JSON.stringify(CREDENTIALS) }, { status: 400, code: 'REQUEST_INVALID', field: 'admin' }],
    ['an address that is too long', 'GET', `/v1/${'x'.repeat(5_000)}`, {}, { status: 414, code: 'URL_TOO_LONG' }],
    ['a bad escape in the address', 'GET', '/v1/ledgers/%zz', {}, { status: 400, code: 'REQUEST_INVALID' }],
  ])('%s is refused', async (_what, method, path, options, expected) => {
    expect(brief(await ask(method, path, options))).toEqual(expected);
  });
});

describe('who asks', () => {
  it('must be signed in wherever it is not public', async () => {
    for (const [method, path] of [['GET', '/v1/account/profile'], ['POST', '/v1/sign-out'], ['GET', '/v1/ledgers/acme'], ['POST', '/v1/admin/users/u1/disable']] as const) {
      expect(brief(await ask(method, path))).toEqual({ status: 401, code: 'UNAUTHENTICATED' });
    }
  });

  it('is told when identity is away, with a time to come again', async () => {
    // The bus says nothing of an importing account's lack of an answerer: the edge's own limit decides.
    const [away, unchecked] = await Promise.all([signIn(CREDENTIALS), ask('GET', '/v1/account/profile', { headers: { cookie: `__Host-session=${randomBytes(32).toString('base64url')}` } })]);
    expect(brief(away)).toEqual({ status: 503, code: 'IDENTITY_UNAVAILABLE' });
    expect(away.headers['retry-after']).toBe('2');
    expect(brief(unchecked)).toEqual({ status: 503, code: 'IDENTITY_UNAVAILABLE' });
  });

  it('from a page of another site gets nowhere', async () => {
    expect(brief(await signIn(CREDENTIALS, { 'sec-fetch-site': 'cross-site' }))).toEqual({ status: 403, code: 'ORIGIN_FORBIDDEN' });
  });

  it('keeps a correlation id that a log can hold, and gets a new one for any other', async () => {
    expect((await ask('GET', '/v1/nothing', { headers: { 'x-correlation-id': 'case-17' } })).json.correlationId).toBe('case-17');
    expect((await ask('GET', '/v1/nothing', { headers: { 'x-correlation-id': 'a b' } })).json.correlationId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

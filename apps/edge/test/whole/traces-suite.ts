import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Account, Browser, browserAgent, wanted, type Edge, type SentSpan } from '@countersign/devstack';
import { anyAddress, type WholeStand } from './whole-stand.js';

const AGENT = 'TracedBrowser/1.0';
/** Of a request that changes something. */
const ROAD = ['edge: POST /v1/register', 'edge: ask identity.register', 'identity: answer identity.register', 'identity: send intake.identity.*'];
const WRITTEN_MS_MAX = 5_000;
const POLL_MS = 20;
/** Of a caller of ours: its place in a trace of its own, and whether it says that it records that. */
const callerOf = (isSampled: boolean) => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}` } };
};

/** `service: name`, from the one that has no parent here to this one. */
function roadTo(last: SentSpan | undefined, spans: readonly SentSpan[]): string[] {
  if (last === undefined) return [];
  return [...roadTo(spans.find(({ spanId }) => spanId === last.parentSpanId), spans), `${last.service.replace('countersign-', '')}: ${last.name}`];
}

/** What identity has sent to the ledger, if it is one of these. */
const sentIn = (spans: readonly SentSpan[], spanIds: readonly (string | undefined)[]): SentSpan | undefined => spans.find(({ name, spanId }) => name === 'send intake.identity.*' && spanIds.includes(spanId));

/** A line of an edge's log, as soon as it is written; after some time none. */
async function lineOf({ process }: Edge, field: string, value: string): Promise<Record<string, unknown>> {
  for (const endMs = performance.now() + WRITTEN_MS_MAX; performance.now() < endMs; await sleep(POLL_MS)) {
    const found = readFileSync(process.options.logFile, 'utf8').split('\n').find((line) => line.includes(`"${field}":"${value}"`));
    if (found !== undefined) return JSON.parse(found) as Record<string, unknown>;
  }
  return {};
}

const register = (browser: Browser, email: string, headers: Record<string, string>) => browser.ask('POST', '/v1/register', { headers, body: { email, name: 'Tracy Traced', password: new Account(email).password } });

const MALFORMED = {
  'none at all': 'rubbish',
  'of nobody': `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`,
  'of no version': `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  'with more than there is': `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`,
  'long': 'a'.repeat(4_000),
};

interface Ground {
  readonly stand: WholeStand;
  /** With a collector, as the services of the stand have it: they record what the edge says, and begin nothing. */
  readonly edge: Edge;
  /** With none. */
  readonly silent: Edge;
  readonly traced: Browser;
  readonly untraced: Browser;
}

export function tracesSuite(given: () => WholeStand): void {
  describe('traces', () => {
    let ground: Ground;
    beforeAll(async () => {
      const stand = given();
      const { platform, collector } = stand;
      const agent = browserAgent(platform.ca);
      const [edge, silent] = await Promise.all([
        platform.addEdge({ EDGE_LOG_LEVEL: 'debug', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '1' }),
        platform.addEdge({ EDGE_LOG_LEVEL: 'debug' }),
      ]);
      const browser = ({ origin }: Edge): Browser => new Browser({ origin, agent, ip: anyAddress(), userAgent: AGENT });
      ground = { stand, edge, silent, traced: browser(edge), untraced: browser(silent) };
    }, 60_000);
    roads(() => ground);
    limits(() => ground);
  });
}

function roads(ground: () => Ground): void {
  it('go on from the caller over edge, identity and the bus into the ledger', async () => {
    const { collector } = ground().stand;
    const off = callerOf(true);
    wanted(await register(ground().untraced, 'untraced@example.com', off.headers), 202);
    const caller = callerOf(false);
    wanted(await register(ground().traced, 'traced@example.com', caller.headers), 202);
    // Each service sends its own when it is time. The ledger may have put it into one batch with what keys had to tell of the same request.
    const given = ({ parentSpanId, links }: SentSpan): readonly (string | undefined)[] => [parentSpanId, ...links.map(({ spanId }) => spanId)];
    const appended = (found: readonly SentSpan[]): SentSpan | undefined => found.find((span) => span.name === 'append' && sentIn(found, given(span)) !== undefined);
    const road = (found: readonly SentSpan[]): string[] => roadTo(sentIn(found, given(appended(found) ?? found[0]!)), found);
    const spans = await collector.once(caller.traceId, (found) => appended(found) !== undefined && road(found).length === ROAD.length);
    expect(road(spans)).toEqual(ROAD);
    expect(appended(spans)).toMatchObject({ service: 'countersign-ledger', kind: 5, attributes: { 'messaging.destination.name': 'intake.*.*' } });
    expect(spans.find(({ name }) => name === 'POST /v1/register')).toMatchObject({ parentSpanId: caller.spanId, kind: 2, attributes: { 'http.request.method': 'POST', 'http.route': '/v1/register', 'http.response.status_code': 202 } });
    // Sent by the same services, and before.
    expect(collector.of(off.traceId)).toEqual([]);
  });

  it('go on into what the ledger reads, and hold what it refuses', async () => {
    const { collector } = ground().stand;
    await new Account('traced@example.com').signIn(ground().traced);
    const caller = callerOf(true);
    expect((await ground().traced.ask('GET', '/v1/ledgers/home/checkpoint', { headers: caller.headers })).status).toBe(403);
    const admin = new Browser({ origin: ground().edge.origin, agent: ground().traced.options.agent, ip: anyAddress(), userAgent: AGENT });
    await ground().stand.admin.account.signIn(admin);
    const read = callerOf(true);
    wanted(await admin.ask('GET', '/v1/ledgers/system', { headers: read.headers }), 200);
    const own = (found: readonly SentSpan[]): SentSpan | undefined => found.find(({ service }) => service === 'countersign-ledger');
    const spans = await collector.once(read.traceId, (found) => roadTo(own(found), found).length === 3);
    expect(roadTo(own(spans), spans)).toEqual(['edge: GET /v1/ledgers/:tenant', 'edge: GET ledger', expect.stringMatching(/^ledger: GET \/.*:/)]);
    const refused = await collector.once(caller.traceId, (found) => found.some(({ name }) => name.startsWith('GET ')));
    expect(refused.find(({ name }) => name.startsWith('GET '))).toMatchObject({ attributes: { 'http.response.status_code': 403 } });
  });
}

function limits(ground: () => Ground): void {
  it('begin anew where the traceparent is malformed, and nobody is refused for it', async () => {
    const begun = await Promise.all(Object.entries(MALFORMED).map(async ([what, traceparent]) => {
      const correlationId = `malformed-${randomBytes(4).toString('hex')}`;
      const { status } = await ground().traced.ask('GET', '/docs', { headers: { traceparent, 'x-correlation-id': correlationId } });
      const traceId = String((await lineOf(ground().edge, 'correlationId', correlationId))['trace_id']);
      const spans = await ground().stand.collector.once(traceId, (found) => found.length > 0);
      return { what, status, isNew: /^(?!a{32}|0{32})[0-9a-f]{32}$/.test(traceId), parents: spans.map(({ parentSpanId }) => parentSpanId) };
    }));
    expect(begun).toEqual(Object.keys(MALFORMED).map((what) => ({ what, status: 200, isNew: true, parents: [undefined] })));
  });

  it('are in the lines of the log, with a collector and without', async () => {
    for (const [way, at] of [[ground().edge, ground().traced], [ground().silent, ground().untraced]] as const) {
      const caller = callerOf(true);
      await at.ask('GET', '/docs', { headers: caller.headers });
      expect(await lineOf(way, 'trace_id', caller.traceId)).toMatchObject({ msg: 'request', span_id: expect.stringMatching(/^[0-9a-f]{16}$/), correlationId: expect.any(String) });
    }
  });

  it('say nothing about anybody', () => {
    const { collector, admin } = ground().stand;
    expect(collector.spans.length).toBeGreaterThan(10);
    const personal = ['@example.com', 'Tracy', AGENT, ground().traced.options.ip!, admin.account.userId, '"system"', '"home"'];
    expect(personal.filter((text) => collector.text.includes(text))).toEqual([]);
  });
}

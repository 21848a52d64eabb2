import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SpanCollector } from '@countersign/devstack';
import { createLogger } from '@countersign/runtime';
import { activeContext, contextFrom, inSpan, inSpanOfMany, sampledTraceparent, traceHeaders, tracer } from '@countersign/trace-context';
import { context, propagation, SpanKind, trace, type Context } from '@opentelemetry/api';
import { SamplingDecision } from '@opentelemetry/sdk-trace';
import { readTracing, startTracing, type TracingOptions } from '@countersign/tracing';
import { ShareSampler, TRACES_A_SECOND_MAX } from '../src/share-sampler.js';

const GIVEN = { kind: SpanKind.INTERNAL, attributes: {} };
const TRACE = 'a'.repeat(32);
const CALLER = 'b'.repeat(16);
const caller = (flags: '00' | '01', state?: string): Context => contextFrom((name) => (name === 'traceparent' ? `00-${TRACE}-${CALLER}-${flags}` : state))!;

let collector: SpanCollector;
const told: string[] = [];
const log = { warn: (_: object, line?: string) => void told.push(line!), info: (line: string) => void told.push(line) } as unknown as TracingOptions['log'];
beforeAll(async () => {
  collector = await SpanCollector.start();
});
afterAll(() => collector.stop());

/** Runs with tracing as a service has it, and ends it as a shutdown does. */
async function traced(change: Partial<TracingOptions>, work: () => Promise<void>): Promise<void> {
  const steps = await startTracing({ service: 'test', endpoint: collector.url, share: 1, log, ...change });
  try {
    await work();
  } finally {
    for (const { run } of steps) await run();
    for (const each of [context, propagation, trace]) each.disable();
  }
}

describe('tracing', () => {
  it('is off by default, and names what is wrong with its variables', () => {
    expect(readTracing({})).toEqual({ endpoint: undefined, share: 0.1 });
    expect(readTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/', OTEL_TRACES_SAMPLER_ARG: '0.5' })).toEqual({ endpoint: 'http://collector:4318', share: 0.5 });
    for (const [name, value] of [['OTEL_EXPORTER_OTLP_ENDPOINT', 'grpc://collector'], ['OTEL_TRACES_SAMPLER_ARG', '2']] as const) {
      expect(() => readTracing({ [name]: value })).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', variables: [expect.objectContaining({ name })] }));
    }
  });

  it('without a collector continues the ids of the caller, records nothing and keeps nothing beside events', () => traced({ endpoint: undefined }, async () => {
    await inSpan('work', GIVEN, caller('01'), async () => {
      expect(traceHeaders()['traceparent']).toMatch(new RegExp(`^00-${TRACE}-(?!${CALLER})[0-9a-f]{16}-00$`));
      expect(sampledTraceparent()).toBeUndefined();
    });
    expect(collector.spans).toEqual([]);
  }));

  it('sends spans below the caller, with its state, named by codes where they failed', () => traced({}, async () => {
    const thrown = Object.assign(new Error('of ada@example.com'), { code: 'REFUSED' });
    await expect(inSpan('outer', GIVEN, caller('01', 'vendor=1'), async () => {
      expect(traceHeaders()['tracestate']).toBe('vendor=1');
      expect(sampledTraceparent()).toBe(traceHeaders()['traceparent']);
      await inSpan('inner', GIVEN, activeContext(), async () => Promise.reject(thrown));
    })).rejects.toBe(thrown);
  }).then(() => {
    const [inner, outer] = collector.of(TRACE);
    expect(outer).toMatchObject({ name: 'outer', service: 'countersign-test', parentSpanId: CALLER, attributes: { 'error.type': 'REFUSED' } });
    expect(inner).toMatchObject({ name: 'inner', parentSpanId: outer!.spanId });
    expect(collector.text).not.toContain('ada@example.com');
  }));

  it('continues traces and begins none where none is', () => traced({}, async () => {
    await inSpan('alone', GIVEN, activeContext(), async () => {
      expect(traceHeaders()).toEqual({});
      expect(sampledTraceparent()).toBeUndefined();
    });
  }).then(() => expect(collector.spans.map(({ name }) => name)).not.toContain('alone')));

  it('puts its ids into every line of the log', () => traced({ endpoint: undefined }, async () => {
    let text = '';
    const lines = createLogger({ service: 'test', level: 'info', destination: { write: (line) => void (text += line) } });
    await inSpan('work', GIVEN, caller('00'), async () => lines.child({ correlationId: 'c-1' }).info('within'));
    lines.info('without');
    const [within, without] = text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(within).toMatchObject({ trace_id: TRACE, span_id: expect.stringMatching(/^[0-9a-f]{16}$/), correlationId: 'c-1' });
    expect(without).not.toHaveProperty('trace_id');
  }));

  it('ends with the answer: what a request leaves behind is not part of it', () => traced({}, async () => {
    let later: Promise<unknown> = Promise.resolve();
    await inSpan('answered', GIVEN, caller('01'), async () => {
      later = new Promise((done) => setTimeout(() => done([activeContext(), sampledTraceparent(), traceHeaders()]), 20));
    });
    expect(await later).toEqual([undefined, undefined, {}]);
  }));

  it('makes one span of many, below the first that is recorded, with links to the others', () => traced({}, async () => {
    const of = (digit: string, flags: string): string => `00-${digit.repeat(32)}-${digit.repeat(16)}-${flags}`;
    await inSpanOfMany('batch', GIVEN, ['rubbish', of('1', '00'), of('2', '01'), of('3', '01'), of('3', '01')], async (span) => expect(span).toBeDefined());
    await inSpanOfMany('nothing', GIVEN, ['rubbish', of('1', '00')], async (span) => expect(span).toBeUndefined());
  }).then(() => {
    const batches = collector.spans.filter(({ name }) => name === 'batch' || name === 'nothing');
    expect(batches).toMatchObject([{ traceId: '2'.repeat(32), links: [{ traceId: '3'.repeat(32), spanId: '3'.repeat(16) }] }]);
  }));

  it.each([
    ['inside, what the caller says is followed', false, 0, '01', true],
    ['inside, what the caller says is followed', false, 1, '00', false],
    ['where anybody may ask, the lot decides', true, 0, '01', false],
    ['where anybody may ask, the lot decides', true, 1, '00', true],
  ] as const)('%s (public: %s, share %s, flag %s)', (_what, isPublic, share, flags, isRecorded) => traced({ isPublic, share }, async () => {
    const span = tracer().startSpan('asked', {}, caller(flags));
    expect(span.isRecording()).toBe(isRecorded);
    expect(span.spanContext().traceId).toBe(TRACE);
    span.end();
  }));

  it('tells once that the collector takes nothing, and ends in time while it is away', async () => {
    const one = () => inSpan('lost', GIVEN, caller('01'), () => Promise.resolve());
    told.length = 0;
    collector.status = 400;
    await traced({}, one);
    collector.status = 200;
    expect(told).toEqual(['the collector takes no spans: they are dropped']);
    const startedAt = performance.now();
    await traced({ endpoint: 'http://127.0.0.1:9' }, one);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe('the share of traces that are recorded', () => {
  const decisions = (sampler: ShareSampler, times: number): number => Array.from({ length: times }, () => sampler.shouldSample().decision).filter((each) => each === SamplingDecision.RECORD_AND_SAMPLED).length;

  it('is by lot', () => {
    const lots = [0.05, 0.15, 0.5];
    expect(decisions(new ShareSampler(0.1, () => lots.shift()!, () => 0), 3)).toBe(1);
  });

  it('is all with 1 and none with 0, and never more than so many a second', () => {
    let nowMs = 0;
    const all = new ShareSampler(1, () => 0.999, () => nowMs);
    expect(decisions(all, 1_000)).toBe(TRACES_A_SECOND_MAX);
    nowMs = 1_000;
    expect(decisions(all, 1_000)).toBe(TRACES_A_SECOND_MAX);
    expect(decisions(new ShareSampler(0, () => 0, () => 0), 100)).toBe(0);
  });
});

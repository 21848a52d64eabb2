import { randomBytes } from 'node:crypto';
import { contextFrom, inSpan } from '@countersign/trace-context';
import { startTracing } from '@countersign/tracing';
import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import type { SpanCollector } from './span-collector.js';

const log = { warn: () => undefined, info: () => undefined };

/** Works with tracing as a service has it, and ends as a shutdown does: then the collector has everything. */
export async function traced(collector: SpanCollector, work: () => Promise<void>): Promise<void> {
  const steps = await startTracing({ service: 'test', endpoint: collector.url, share: 1, log });
  try {
    await work();
  } finally {
    for (const { run } of steps) await run();
    for (const each of [context, propagation, trace]) each.disable();
  }
}

/** Works within the span `caller` of a trace of its own, that is recorded. Resolves with the trace's id. */
export async function inTrace(work: () => Promise<unknown>): Promise<string> {
  const traceId = randomBytes(16).toString('hex');
  const parent = contextFrom((name) => (name === 'traceparent' ? `00-${traceId}-${randomBytes(8).toString('hex')}-01` : undefined));
  await inSpan('caller', { kind: SpanKind.INTERNAL, attributes: {} }, parent, work);
  return traceId;
}

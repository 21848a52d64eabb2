import type { Logger, ShutdownStep } from '@countersign/runtime';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider, type Sampler, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShareSampler } from './share-sampler.js';
import { ToldExporter } from './told-exporter.js';
import type { TracingConfig } from './tracing-config.js';

/** Spans that wait to be sent; more are dropped. */
const WAITING_MAX = 2_048;
/** Of one request to the collector. */
const SPANS_MAX = 512;
const SEND_MS_MAX = 2_500;
/** A process that ends waits so long for a collector that is away. */
const LAST_SEND_MS_MAX = 2_000;
/** Between two requests to the collector. */
const SEND_EVERY_MS = 2_000;

export interface TracingOptions extends TracingConfig {
  readonly service: string;
  /** Whether anybody may ask: what a caller says of its trace being recorded is not followed then. */
  readonly isPublic?: boolean;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/**
 * Makes this process continue the traces of those who ask it, and begin some; call it once. Ids go from service to service, and into log lines,
 * with or without a collector; spans are recorded with one alone. Resolves with what a shutdown does last.
 */
export async function startTracing(options: TracingOptions): Promise<readonly ShutdownStep[]> {
  const processors = options.endpoint === undefined ? [] : [await sendingTo(options.endpoint, options.log)];
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': `countersign-${options.service}` }),
    sampler: samplerOf(options),
    spanProcessors: processors,
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  // No baggage: what a stranger sends along is not handed on.
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  if (processors.length === 0) return [];
  return [{ name: 'send last spans', run: () => Promise.race([provider.shutdown().catch(() => undefined), sleep(LAST_SEND_MS_MAX, undefined, { ref: false })]) }];
}

function samplerOf({ endpoint, share, isPublic = false }: TracingOptions): Sampler {
  if (endpoint === undefined) return new AlwaysOffSampler();
  const own = new ShareSampler(share);
  return new ParentBasedSampler(isPublic ? { root: own, remoteParentSampled: own, remoteParentNotSampled: own } : { root: own });
}

/** Loaded where it is needed: the exporter is the larger half of the libraries. */
async function sendingTo(endpoint: string, log: Pick<Logger, 'warn' | 'info'>): Promise<SpanProcessor> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const exporter = new ToldExporter(new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: SEND_MS_MAX }), log);
  return new BatchSpanProcessor({ exporter, maxQueueSize: WAITING_MAX, maxExportBatchSize: SPANS_MAX, scheduledDelayMillis: SEND_EVERY_MS, exportTimeoutMillis: SEND_MS_MAX });
}

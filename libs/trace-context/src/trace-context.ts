import { context, isSpanContextValid, propagation, ROOT_CONTEXT, trace, TraceFlags, type Context } from '@opentelemetry/api';

/** `traceparent` and `tracestate` (W3C Trace Context). */
export type TraceHeaders = Readonly<Record<string, string>>;

const isSampled = (flags: number): boolean => (flags & TraceFlags.SAMPLED) !== 0;

/**
 * Where the request stands that is being answered. Undefined where there is none, and where it was answered already: a timer
 * that it left behind would otherwise ask, and be traced, for ever.
 */
export function activeContext(): Context | undefined {
  const active = context.active();
  const span = trace.getSpan(active);
  if (span === undefined || !isSpanContextValid(span.spanContext())) return undefined;
  const { traceFlags, isRemote } = span.spanContext();
  const isOver = isSampled(traceFlags) && isRemote !== true && !span.isRecording();
  return isOver ? undefined : active;
}

/** What a message carries so that the other side continues the trace. */
export function traceHeaders(from: Context | undefined = activeContext()): TraceHeaders {
  const headers: Record<string, string> = {};
  if (from !== undefined) propagation.inject(from, headers);
  return headers;
}

/** What is kept beside an event, which is sent when its request is long over; only if it is going to be of use. Never `tracestate`: nothing of a stranger's is stored. */
export function sampledTraceparent(): string | undefined {
  const active = activeContext();
  if (active === undefined || !isSampled(trace.getSpanContext(active)!.traceFlags)) return undefined;
  return traceHeaders(active)['traceparent'];
}

/** The other side's place in its trace; undefined without headers, and with such as are malformed. */
export function contextFrom(read: (name: string) => string | undefined): Context | undefined {
  const found = propagation.extract(ROOT_CONTEXT, read, { get: (from, name) => from(name), keys: () => [] });
  return trace.getSpanContext(found) === undefined ? undefined : found;
}

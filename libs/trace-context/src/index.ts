/** The trace that a piece of work belongs to, as libraries see it: they continue traces and begin none. Without a tracer (libs/tracing) nothing here does anything. */
export { activeContext, contextFrom, sampledTraceparent, traceHeaders } from './trace-context.js';
export { inSpan, inSpanOfMany, tracer, type SpanGiven } from './in-span.js';

import { SpanStatusCode, trace, TraceFlags, type Attributes, type Context, type Link, type Span, type SpanKind, type Tracer } from '@opentelemetry/api';
import { contextFrom } from './trace-context.js';

/** Other traces that a span of many names, at the most. */
const LINKS_MAX = 32;

/** Names and attributes hold no personal data: patterns of routes, and subjects without their tenants. */
export interface SpanGiven {
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

export const tracer = (): Tracer => trace.getTracer('countersign');

/** Does the work in a span below `parent`. Without one there is no trace to continue, and no span. */
export async function inSpan<T>(name: string, given: SpanGiven & { readonly links?: Link[] }, parent: Context | undefined, work: (span?: Span) => Promise<T>): Promise<T> {
  if (parent === undefined) return work();
  return tracer().startActiveSpan(name, given, parent, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The same of work for many at once: below the first whose trace is sampled, with links to the others. */
export async function inSpanOfMany<T>(name: string, given: SpanGiven, traceparents: readonly string[], work: (span?: Span) => Promise<T>): Promise<T> {
  if (traceparents.length === 0) return work();
  const [parent, ...others] = [...new Set(traceparents)].slice(0, LINKS_MAX + 1).flatMap(sampledContext);
  const links = others.flatMap((other) => trace.getSpanContext(other) ?? []).map((context) => ({ context }));
  return inSpan(name, { ...given, links }, parent, work);
}

/** By its code alone: what an error says may be about a person. */
function markFailed(span: Span, error: unknown): void {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  const type = [code, name].find((each) => typeof each === 'string') ?? 'unknown';
  span.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR });
}

function sampledContext(traceparent: string): Context[] {
  const found = contextFrom((name) => (name === 'traceparent' ? traceparent : undefined));
  return found !== undefined && (trace.getSpanContext(found)!.traceFlags & TraceFlags.SAMPLED) !== 0 ? [found] : [];
}

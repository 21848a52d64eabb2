import { contextFrom, tracer } from '@countersign/trace-context';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** For whoever watches the service, every few seconds: no work of anybody's. */
const UNTRACED = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * One span a request, below the caller's if it sends a `traceparent` that is one; what is done for the request is done within it. Named by
 * the route's pattern: addresses, queries and who asks may be of a person. Call it before other hooks are added.
 */
export function traceRequests(fastify: FastifyInstance): void {
  const inside = new WeakMap<FastifyRequest, Context>();
  fastify.addHook('onRequest', (request, reply, done) => {
    const route = request.routeOptions.url;
    if (route !== undefined && UNTRACED.has(route)) return done();
    const within = begin(request, reply, route);
    inside.set(request, within);
    context.with(within, done);
  });
  // Node reads the body, and sends the answer, in its own time: outside of what went before.
  const goOn = (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => context.with(inside.get(request) ?? ROOT_CONTEXT, done);
  fastify.addHook('preValidation', goOn);
  fastify.addHook('onResponse', goOn);
}

function begin({ headers, method }: FastifyRequest, reply: FastifyReply, route: string | undefined): Context {
  const parent = contextFrom((name) => single(headers[name])) ?? ROOT_CONTEXT;
  const attributes = { 'http.request.method': method, ...(route === undefined ? {} : { 'http.route': route }) };
  const span = tracer().startSpan(route === undefined ? method : `${method} ${route}`, { kind: SpanKind.SERVER, attributes }, parent);
  reply.raw.once('close', () => {
    const { statusCode, writableFinished } = reply.raw;
    span.setAttribute('http.response.status_code', statusCode);
    if (statusCode >= 500 || !writableFinished) span.setAttribute('error.type', writableFinished ? String(statusCode) : 'aborted').setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
  return trace.setSpan(parent, span);
}

/** Sent twice it is nobody's. */
const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value.join(',') : value);

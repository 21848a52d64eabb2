import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { registerOperations, traceRequests } from '@countersign/operations-http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Logger as NestLogger } from 'nestjs-pino';
import { Gauge, Histogram } from 'prom-client';
import type { HttpDeps } from './deps.js';
import { EdgeFault } from './edge-fault.js';
import { HttpModule } from './http.module.js';
import { Places } from './places.js';
import { problemOf } from './problem.js';
import { logRequests } from './request-log.js';

const BODY_BYTES_MAX = 16 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const URL_CHARS_MAX = 4 * 1024;
const PATH_PART_CHARS_MAX = 128;
const REQUESTS_AT_ONCE_MAX = 256;
/** Time to receive a request. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Time to answer one. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Time to answer one that reads a whole ledger. */
const LONG_ANSWER_TIMEOUT_MS = 3_600_000;
const LONG_ROUTE = /\/(export|verifications)$/;
const KEEP_ALIVE_MS = 65_000;
/** Time for answers under way when the service stops. */
const CLOSE_GRACE_MS = 5_000;
const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;
const UNLIMITED = new Set(['/healthz', '/readyz', '/metrics']);

/** The HTTP edge of the ledger, ready to listen. Close it with `app.close()`. */
export async function createHttpApp(deps: HttpDeps): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: ANSWER_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    routerOptions: { maxParamLength: PATH_PART_CHARS_MAX },
    genReqId: correlationId,
    // What the router itself refuses never reaches a filter.
    frameworkErrors: refuse,
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.addHook('onRoute', (route) => {
    if (LONG_ROUTE.test(route.url)) route.handlerTimeout = LONG_ANSWER_TIMEOUT_MS;
  });
  traceRequests(fastify);
  limitRequests(fastify, deps);
  closeInTime(fastify);
  measureRequests(fastify, deps);
  logRequests(fastify, deps.log);
  registerOperations(fastify, deps);
  const app = await NestFactory.create<NestFastifyApplication>(HttpModule.of(deps), adapter, { bufferLogs: true });
  app.useLogger(app.get(NestLogger));
  await app.init();
  return app;
}

/** The caller's id for what this request belongs to, if it is one that a log can hold; else a new one. */
function correlationId(request: IncomingMessage): string {
  const given = request.headers['x-correlation-id'];
  return typeof given === 'string' && CORRELATION_ID.test(given) ? given : randomUUID();
}

function refuse(error: Error, request: Pick<FastifyRequest, 'id'>, reply: Pick<FastifyReply, 'status'>): void {
  const problem = problemOf(error, request.id);
  reply.status(problem.status).type('application/problem+json').header('cache-control', 'no-store').send(problem);
}

function limitRequests(fastify: FastifyInstance, { metrics }: HttpDeps): void {
  const places = new Places(REQUESTS_AT_ONCE_MAX);
  new Gauge({
    name: 'countersign_ledger_http_requests_open',
    help: `Requests being answered, of ${REQUESTS_AT_ONCE_MAX} at most.`,
    registers: [metrics],
    collect() {
      this.set(places.count);
    },
  });
  const placed = new WeakSet<object>();
  fastify.addHook('onRequest', async (request, reply) => {
    reply.header('x-correlation-id', request.id).header('x-content-type-options', 'nosniff');
    if (request.url.length > URL_CHARS_MAX) throw new EdgeFault('URL_TOO_LONG', `an address has at most ${URL_CHARS_MAX} characters`);
    if (UNLIMITED.has(request.url)) return;
    if (!places.take()) throw new EdgeFault('OVERLOADED', 'too many requests at once');
    placed.add(request);
  });
  fastify.addHook('onResponse', async (request) => {
    if (placed.delete(request)) places.leave();
  });
}

/** Whoever reads slowly, or waits for a long verification, must not keep a stopping service alive. */
function closeInTime(fastify: FastifyInstance): void {
  fastify.addHook('preClose', async () => {
    setTimeout(() => fastify.server.closeAllConnections(), CLOSE_GRACE_MS).unref();
  });
}

function measureRequests(fastify: FastifyInstance, { metrics }: HttpDeps): void {
  const duration = new Histogram({
    name: 'countersign_ledger_http_request_duration_seconds',
    help: 'Time to answer, by route.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [metrics],
  });
  fastify.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}

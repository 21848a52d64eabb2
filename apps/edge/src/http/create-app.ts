import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import fastifyCookie from '@fastify/cookie';
import fastifyHelmet from '@fastify/helmet';
import { correlationIdSchema } from '@countersign/contracts';
import { traceRequests } from '@countersign/operations-http';
import type { Logger } from '@countersign/runtime';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Histogram } from 'prom-client';
import { checkRoutes, type Route } from '../routes/route.js';
import { answerClientError } from './client-errors.js';
import { EdgeFault } from './edge-fault.js';
import { parseBody } from './i-json.js';
import { KeyGuesses } from './key-guesses.js';
import { registerRoute, type RouteDependencies } from './register.js';
import { sendProblem } from './problem.js';

const BODY_BYTES_MAX = 1024 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;
const URL_CHARS_MAX = 4 * 1024;
const PATH_PART_CHARS_MAX = 300;
/** To send a whole request; slower is an attack (slowloris), or of no use. */
const REQUEST_MS_MAX = 15_000;
const HEADERS_MS_MAX = 10_000;
/** How often those two are looked at. */
const TIMES_CHECKED_MS = 1_000;
const KEEP_ALIVE_MS = 60_000;
const CONNECTIONS_MAX = 10_000;
const CLOSE_GRACE_MS = 3_000;
const ONE_YEAR_SECONDS = 31_536_000;

export interface AppDependencies extends Omit<RouteDependencies, 'keyGuesses'> {
  readonly routes: readonly Route[];
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Addresses or networks of proxies whose X-Forwarded-For is believed; none: the socket's address counts. */
  readonly trustedProxies: readonly string[];
  readonly log: Logger;
  readonly duration: Histogram<'method' | 'route' | 'status'>;
}

/** The public listener: TLS 1.3 only, routes as data, every error a problem (RFC 9457). Close it with `app.close()`. */
export async function createApp(deps: AppDependencies): Promise<FastifyInstance> {
  checkRoutes(deps.routes);
  const app = Fastify({
    https: { ...deps.tls, minVersion: 'TLSv1.3', maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEADERS_MS_MAX, connectionsCheckingInterval: TIMES_CHECKED_MS },
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { maxParamLength: PATH_PART_CHARS_MAX },
    trustProxy: deps.trustedProxies.length === 0 ? false : [...deps.trustedProxies],
    genReqId: correlationIdOf,
    // What is not in the list does not exist: Fastify would add a HEAD to each GET.
    exposeHeadRoutes: false,
    clientErrorHandler: (error, socket) => answerClientError(error, socket),
    frameworkErrors: (error, request, reply) => void sendProblem(reply, error, request.id),
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  traceRequests(app);
  await secureHeaders(app);
  await app.register(fastifyCookie);
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => parseBody(body));
  refusals(app, deps);
  measure(app, deps);
  const keyGuesses = new KeyGuesses(deps.limits);
  for (const route of deps.routes) registerRoute(app, route, { ...deps, keyGuesses });
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref();
  });
  return app;
}

/** OWASP Secure Headers; HSTS as hstspreload.org asks for it. */
async function secureHeaders(app: FastifyInstance): Promise<void> {
  await app.register(fastifyHelmet, {
    global: true,
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], styleSrc: ["'self'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
    },
    strictTransportSecurity: { maxAge: ONE_YEAR_SECONDS, includeSubDomains: true, preload: true },
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginEmbedderPolicy: true,
  });
  app.addHook('onSend', async (request, reply) => {
    reply.header('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()').header('x-correlation-id', request.id);
  });
}

function refusals(app: FastifyInstance, { routes, log }: AppDependencies): void {
  const paths = routes.map(({ path, method }) => ({ method, pattern: new RegExp(`^${path.replace(/:[a-zA-Z]+/g, '[^/]+').replace('*', '.*')}$`) }));
  app.addHook('onRequest', async ({ url }) => {
    if (url.length > URL_CHARS_MAX) throw new EdgeFault('URL_TOO_LONG', `an address has at most ${URL_CHARS_MAX} characters`);
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const methods = paths.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (methods.length > 0) reply.header('allow', methods.join(', '));
    const fault = methods.length > 0 ? new EdgeFault('METHOD_NOT_ALLOWED', `this address takes ${methods.join(', ')}`) : new EdgeFault('ROUTE_UNKNOWN', 'there is nothing at this address');
    sendProblem(reply, fault, request.id);
  });
  app.setErrorHandler((error, request, reply) => {
    const { status, code } = sendProblem(reply, error, request.id);
    if (status >= 500) log.error({ correlationId: request.id, code, err: error }, 'request failed');
  });
}

/** By the route's pattern: an address may name a person. */
function measure(app: FastifyInstance, { duration, log }: AppDependencies): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    duration.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    log.debug({ correlationId: request.id, method: request.method, route, status: reply.statusCode }, 'request');
  });
}

/** The caller's id for what this request belongs to, if it is one that a log can hold; else a new one. */
function correlationIdOf(request: IncomingMessage): string {
  return correlationIdSchema.safeParse(request.headers['x-correlation-id']).data ?? randomUUID();
}

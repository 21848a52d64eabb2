import type { RequestContext } from '@countersign/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { MUTATING, type Answer, type Call, type Route, type Upstreams } from '../routes/route.js';
import { authoriseRoute } from '../session/authorise.js';
import { callerOf, type Caller } from '../session/caller.js';
import type { SessionCache } from '@countersign/identity-client';
import { IdentityClientError } from '@countersign/identity-client';
import { bearerKeyOf } from './bearer.js';
import { CSRF_COOKIE } from './cookies.js';
import { requireOwnOrigin, requireOwnPage } from './csrf.js';
import { onRecord } from './denials.js';
import { EdgeFault } from './edge-fault.js';
import { IDEMPOTENCY_HEADER, type Idempotency, type KeptAnswer } from './idempotency.js';
import type { KeyGuesses } from './key-guesses.js';
import { requireShallow } from './json-depth.js';
import type { RateLimits } from './rate-limits.js';
import { contextOf } from './request-context.js';
import type { Logger } from '@countersign/runtime';

export interface RouteDependencies {
  readonly upstreams: Upstreams;
  readonly sessions: Pick<SessionCache, 'check' | 'checkKey'>;
  readonly limits: RateLimits;
  readonly keyGuesses: KeyGuesses;
  readonly idempotency: Idempotency;
  /** `https://host[:port]`, as browsers see it. */
  readonly publicOrigin: string;
  readonly now: () => number;
  readonly log: Pick<Logger, 'warn'>;
}

interface Admitted {
  readonly context: RequestContext;
  readonly caller: Caller | undefined;
}

/**
 * One route's way: limits, who asks, whether a page of ours sent it — all from the headers, before a byte of the body is
 * read — then parameters, permission, body, and the handler.
 */
export function registerRoute(app: FastifyInstance, route: Route, deps: RouteDependencies): void {
  const { rawTypes } = route;
  if (rawTypes === undefined) return addRoute(app, route, deps);
  // Parsers of its own: no other route takes these types.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser([...rawTypes], { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    addRoute(scope, route, deps);
  });
}

function addRoute(app: FastifyInstance, route: Route, deps: RouteDependencies): void {
  const admitted = new WeakMap<FastifyRequest, Admitted>();
  app.route({
    method: route.method,
    url: route.path,
    onRequest: async (request) => void admitted.set(request, await admit(request, route, deps)),
    handler: async (request, reply) => {
      await answer(request, reply, admitted.get(request)!, route, deps);
      return reply;
    },
  });
}

async function admit(request: FastifyRequest, route: Route, deps: RouteDependencies): Promise<Admitted> {
  const { limits, sessions, publicOrigin, upstreams: { identity }, log } = deps;
  const context = contextOf(request);
  await limits.count(route.limit, 'ip', context.ip);
  const isMutation = MUTATING.has(route.method);
  if (route.access.kind === 'public') {
    // Without a session to protect, a foreign page could still sign somebody in to an account of its choice.
    if (isMutation) requireOwnOrigin(request.headers, publicOrigin);
    return { context, caller: undefined };
  }
  const { authorization } = request.headers;
  if (authorization !== undefined) return admitProgram(request, authorization, route, deps);
  const { session } = context;
  if (session === undefined) throw new IdentityClientError('UNAUTHENTICATED', 'sign in first');
  if (isMutation) await onRecord({ identity, log }, route, context, () => requireOwnPage(request.headers, session, request.cookies[CSRF_COOKIE], publicOrigin));
  const caller = callerOf(await sessions.check(context));
  await limits.count(route.limit, 'user', caller.name);
  return { context, caller };
}

/** A browser adds no such header by itself: nothing to forge, and the cookies that came with it do not count. */
async function admitProgram(request: FastifyRequest, authorization: string, route: Route, { limits, sessions, keyGuesses }: RouteDependencies): Promise<Admitted> {
  const admitted = await keyGuesses.run(request.ip, authorization, async () => {
    const context = contextOf(request, bearerKeyOf(authorization));
    return { context, caller: callerOf(await sessions.checkKey(context)) };
  });
  await limits.count(route.limit, 'user', admitted.caller.name);
  return admitted;
}

async function answer(request: FastifyRequest, reply: FastifyReply, { context, caller }: Admitted, route: Route, deps: RouteDependencies): Promise<void> {
  const params = valid(route.params, request.params, '') as Record<string, string>;
  const { access } = route;
  const { identity } = deps.upstreams;
  if (access.kind === 'permission') await onRecord({ identity, log: deps.log }, route, context, () => authoriseRoute(caller!, access, params, deps.now()));
  const query = valid(route.query, request.query, '') as Record<string, unknown>;
  const body = bodyOf(request, route);
  const gone = new AbortController();
  // Not the request's: that closes when its body has been read.
  reply.raw.on('close', () => gone.abort());
  const call: Call = { params, query, body, context, caller, signal: gone.signal, nowMs: deps.now() };
  const key = request.headers[IDEMPOTENCY_HEADER];
  // Events carry ids: the ledger itself knows one that comes again.
  if (key === undefined || caller === undefined || !MUTATING.has(route.method) || route.rawTypes !== undefined) return send(reply, route, await route.handle(call, deps.upstreams));
  const { repeated, ...kept } = await deps.idempotency.once(
    { principal: caller.name, route: `${route.method} ${request.url}`, key: String(key), body: request.body },
    async (commandId) => keep(route, reply, await route.handle({ ...call, context: { ...context, commandId } }, deps.upstreams)),
  );
  if (repeated) reply.header('idempotency-replayed', 'true');
  sendKept(reply, kept);
}

function bodyOf(request: FastifyRequest, route: Route): unknown {
  if (route.rawTypes !== undefined) return { type: request.headers['content-type'] ?? '', bytes: request.body ?? Buffer.alloc(0) };
  requireShallow(request.body);
  return valid(route.body, request.body ?? {}, '');
}

/** The first broken rule by name: `email: must …`. Never the value. */
function valid(schema: z.ZodType | undefined, value: unknown, at: string): unknown {
  if (schema === undefined) {
    const extra = Object.keys((value ?? {}))[0];
    if (extra !== undefined) throw new EdgeFault('REQUEST_INVALID', 'this route takes none of it', { field: extra.slice(0, 64) });
    return {};
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
  const field = [at, ...path.map(String)].filter((part) => part !== '').join('.').slice(0, 128);
  throw new EdgeFault('REQUEST_INVALID', issue.message, field === '' ? {} : { field });
}

function send(reply: FastifyReply, route: Route, given: Answer): void {
  given.cookies?.(reply);
  if (given.stream !== undefined) {
    reply.status(route.status).headers(given.stream.headers ?? {}).type(given.stream.type).send(given.stream.body);
    return;
  }
  sendKept(reply, keptOf(route, given));
}

function keep(route: Route, reply: FastifyReply, given: Answer): KeptAnswer {
  given.cookies?.(reply);
  return route.answersSecret === true ? { ...keptOf(route, given), body: undefined } : keptOf(route, given);
}

function keptOf(route: Route, given: Answer): KeptAnswer {
  if (route.answer === undefined) return { status: route.status, body: undefined, type: undefined };
  // What a route promises is what it gives: a field that its schema does not name stays here.
  return { status: given.status ?? route.status, body: JSON.stringify(route.answer.parse(given.body)), type: 'application/json' };
}

function sendKept(reply: FastifyReply, { status, body, type }: KeptAnswer): void {
  reply.header('cache-control', 'no-store').status(status);
  if (type !== undefined) reply.type(type);
  reply.send(body);
}

import type { PermissionId } from '@countersign/access';
import type { IdentityOperation, RequestContext } from '@countersign/contracts';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { LimitName } from '../http/rate-limits.js';
import type { ProblemCode } from '../http/fault-status.js';
import type { Caller } from '../session/caller.js';
import type { IdentityClient } from '@countersign/identity-client';
import type { HttpIntake } from '../ingest/http-intake.js';
import type { RetentionClient } from '@countersign/retention-client';
import type { LedgerClient } from '../upstream/ledger-client.js';

/**
 * A route as data. The same list registers the routes, makes the OpenAPI document, and is walked by the tests: who may
 * call what, what bad input does, and whether each mutation leaves an event.
 */

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Whose a request's object is; what is absent is nobody's. */
export interface Target {
  readonly userId?: string;
  readonly organization?: string;
}

/** Who may call. There is no default: a route without it cannot be written. */
export type Access =
  | { readonly kind: 'public'; readonly why: string }
  /** Any session: what is one's own is decided by identity, which knows whose it is. `asks`: for which permission; absent: for none. */
  | { readonly kind: 'session'; readonly asks?: PermissionId }
  | {
      readonly kind: 'permission';
      readonly permission: PermissionId;
      /** `caller`: in which organisation he acts. */
      readonly target: (params: Readonly<Record<string, string>>, caller: Pick<Target, 'organization'>) => Target;
      /** By no person and no person's key. */
      readonly only?: 'service-account';
    };

export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly context: RequestContext;
  /** Undefined on public routes. */
  readonly caller: Caller | undefined;
  /** Aborted when the asker has gone. */
  readonly signal: AbortSignal;
  readonly nowMs: number;
}

export interface Upstreams {
  readonly identity: IdentityClient;
  readonly retention: RetentionClient;
  readonly ledger: LedgerClient;
  readonly intake: HttpIntake;
}

/** What a handler gives back: a JSON body, a stream, or nothing; and what it does to the cookies. */
export interface Answer {
  /** Of a route with `otherStatuses`. */
  readonly status?: number;
  readonly body?: unknown;
  readonly stream?: { readonly type: string; readonly body: ReadableStream<Uint8Array>; readonly headers?: Readonly<Record<string, string>> };
  readonly cookies?: (reply: FastifyReply) => void;
}

export interface Route {
  readonly method: Method;
  /** `/v1/…`, parameters as `:name`. */
  readonly path: string;
  readonly tag: 'sign-in' | 'account' | 'admin' | 'organizations' | 'retention' | 'incidents' | 'ledgers' | 'events';
  readonly summary: string;
  readonly access: Access;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The handler gets the bytes of a body of one of these media types, and judges them; `body` only describes one. */
  readonly rawTypes?: readonly string[];
  readonly status: 200 | 201 | 202 | 204;
  /** With the same answer as `status`. */
  readonly otherStatuses?: readonly (207 | 422)[];
  /** Of a JSON answer. */
  readonly answer?: z.ZodType;
  /** Of an answer that is no JSON. */
  readonly answerType?: string;
  /** Types of the events that a call may leave, `*` at the end for one or more words that the asker names; a mutation without any cannot be registered. */
  readonly emits: readonly string[];
  readonly faults: readonly ProblemCode[];
  readonly limit: LimitName;
  /** The answer holds a secret that is shown once: it is not kept for a repeated Idempotency-Key. */
  readonly answersSecret?: true;
  /** Of identity, of which the route is no more than the address. */
  readonly operation?: IdentityOperation;
  readonly handle: (call: Call, upstreams: Upstreams) => Promise<Answer>;
}

export const MUTATING: ReadonlySet<Method> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Throws for a list that breaks what the API promises by construction; the service does not start with one. */
export function checkRoutes(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const { method, path, emits, access, params, body, answer, answerType, status } of routes) {
    const name = `${method} ${path}`;
    const fail = (why: string): never => {
      throw new Error(`${name}: ${why}`);
    };
    if (seen.has(name)) fail('is listed twice');
    seen.add(name);
    if (!path.startsWith('/v1/')) fail('is not below /v1/');
    if (MUTATING.has(method) && emits.length === 0) fail('changes something and names no event');
    if (!MUTATING.has(method) && body !== undefined) fail('reads, and takes a body');
    if (access.kind === 'public' && access.why === '') fail('is public for no reason');
    const named = [...path.matchAll(/:([a-zA-Z]+)|(\*)/g)].map(([, parameter, wild]) => parameter ?? wild ?? '');
    if (named.sort().join() !== Object.keys(params?.shape ?? {}).sort().join()) fail('path and schema name different parameters');
    if ((status === 204) !== (answer === undefined && answerType === undefined)) fail('says 204 and answers, or answers nothing and does not say 204');
  }
}

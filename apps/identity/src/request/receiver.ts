import { randomUUID } from 'node:crypto';
import type { BusConnection, BusMessage, Subscription } from '@countersign/bus';
import {
  IDENTITY_OPERATIONS, IDENTITY_QUEUE_GROUP, IDENTITY_REQUEST_BYTES_MAX, identityRequestSchema, isIdentityOperation,
  type IdentityError, type IdentityOperation, type IdentityReply, type RequestContext,
} from '@countersign/contracts';
import { sessionDigest } from '@countersign/credentials';
import type { Logger } from '@countersign/runtime';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { IdentityFault } from '../domain/identity-fault.js';
import { strangerOf } from '../domain/origin.js';
import type { ShownKeys } from '../api-keys/shown-keys.js';
import type { SessionRows } from '../store/session-rows.js';
import type { Asker, Handler, Handlers } from './asker.js';
import { personIn, signedInBy } from './authorise.js';
import type { Denials } from './denials.js';
import { faultOf } from './fault-of.js';
import type { Repeated } from './repeated.js';

/** Requests being answered at once; the rest is told to come again. */
export const REQUESTS_AT_ONCE_MAX = 512;
const RETRY_AFTER_MS = 1_000;

export interface ReceiverDependencies {
  readonly bus: BusConnection;
  readonly sessions: SessionRows;
  readonly handlers: Handlers;
  readonly denials: Denials;
  readonly shownKeys: ShownKeys;
  readonly repeated: Repeated;
  readonly log: Logger;
  readonly now: () => Date;
  readonly metrics: { readonly duration: Histogram<'operation' | 'outcome'>; readonly refused: Counter<'operation' | 'code'>; readonly open: Gauge };
}

/** Takes requests from the bus, finds out who asks, and answers each one. */
export class Receiver {
  #subscription: Subscription | undefined;
  readonly #answering = new Set<Promise<void>>();

  constructor(private readonly deps: ReceiverDependencies) {}

  async start(): Promise<void> {
    const { bus, log } = this.deps;
    this.#subscription = bus.subscribe('identity.*.*', (message) => this.#receive(message), {
      queue: IDENTITY_QUEUE_GROUP,
      onError: (error) => log.error({ err: error }, 'requests are not received'),
    });
    await bus.flush();
  }

  /** Takes no more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    await Promise.all(this.#answering);
  }

  #receive(message: BusMessage): void {
    const answering = this.#answer(message).catch((error: unknown) => this.deps.log.error({ err: error }, 'request not answered'));
    this.#answering.add(answering);
    this.deps.metrics.open.set(this.#answering.size);
    answering.finally(() => {
      this.#answering.delete(answering);
      this.deps.metrics.open.set(this.#answering.size);
    }).catch(() => undefined);
  }

  async #answer(message: BusMessage): Promise<void> {
    const { metrics } = this.deps;
    const [, name = '', asker = ''] = message.subject.split('.');
    const operation = isIdentityOperation(name) && IDENTITY_OPERATIONS[name].asker === asker ? name : undefined;
    const end = metrics.duration.startTimer({ operation: operation ?? 'unknown' });
    let reply: IdentityReply;
    try {
      if (this.#answering.size > REQUESTS_AT_ONCE_MAX) throw new IdentityFault('IDENTITY_OVERLOADED', 'too many requests at once', { retryAfterMs: RETRY_AFTER_MS });
      if (operation === undefined) throw new IdentityFault('REQUEST_MALFORMED', 'there is no such operation for this asker', { field: 'operation' });
      reply = { result: await this.#carryOut(operation, message.data) };
    } catch (error) {
      reply = { error: this.#refusal(operation ?? 'unknown', error) };
    }
    end({ outcome: 'result' in reply ? 'answered' : 'refused' });
    message.respond(JSON.stringify(reply));
  }

  async #carryOut(operation: IdentityOperation, data: Uint8Array): Promise<unknown> {
    const { context, args } = readRequest(operation, data);
    const asker = await this.#askerOf(operation, context);
    const handle = this.deps.handlers[operation] as Handler<IdentityOperation>;
    try {
      if ('persons' in IDENTITY_OPERATIONS[operation]) personIn(asker);
      return (await this.deps.repeated.answerOf(operation, args, asker)) ?? (await handle(args, asker));
    } catch (error) {
      await this.deps.denials.add(asker, operation, faultOf(error).code);
      throw error;
    }
  }

  async #askerOf(operation: IdentityOperation, context: RequestContext): Promise<Asker> {
    const { auth, asker } = IDENTITY_OPERATIONS[operation];
    const now = this.deps.now();
    const { ip, userAgent, correlationId, commandId } = context;
    const command = commandId === undefined ? {} : { commandId };
    if (asker === 'operator') return { context, command, cause: { actor: { type: 'system', id: 'operator' }, correlationId }, origin: undefined, signedIn: undefined, now };
    const stranger = { context, command, cause: { actor: { type: 'service', id: 'edge' }, correlationId }, origin: { subject: strangerOf(now.toISOString()), ip, userAgent }, signedIn: undefined, now } as const;
    if (auth === 'none') return stranger;
    if (context.apiKey !== undefined) return this.#program(context.apiKey, stranger);
    if (auth === 'key') throw new IdentityFault('UNAUTHENTICATED', 'there is no API key');
    if (context.session === undefined) throw new IdentityFault('UNAUTHENTICATED', 'there is no session');
    const session = await this.deps.sessions.check(sessionDigest(context.session), now);
    if (session === undefined) throw new IdentityFault('UNAUTHENTICATED', 'there is no such session, or it has ended');
    const { user_id } = session;
    return { ...stranger, cause: { actor: { type: 'user', id: user_id }, correlationId }, origin: { subject: user_id, ip, userAgent }, signedIn: signedInBy(session) };
  }

  async #program(apiKey: string, stranger: Asker): Promise<Asker> {
    const signedIn = await this.deps.shownKeys.check(apiKey, stranger);
    const { session_id: keyId, user_id: subject } = signedIn.session;
    const { ip, userAgent, correlationId } = stranger.context;
    return { ...stranger, cause: { actor: { type: 'api-key', id: keyId }, correlationId }, origin: { subject, ip, userAgent }, signedIn };
  }

  /** What is told. A failure that is no refusal tells nothing but a number by which the log has it. */
  #refusal(operation: string, thrown: unknown): IdentityError {
    const { log, metrics } = this.deps;
    const fault = faultOf(thrown);
    metrics.refused.inc({ operation, code: fault.code });
    if (fault.code !== 'IDENTITY_INTERNAL') return { code: fault.code, message: fault.message, ...fault.detail };
    const failure = randomUUID();
    log.error({ err: thrown, operation, failure }, 'request failed');
    return { code: fault.code, message: `identity failed; its log tells why under ${failure}` };
  }
}

function readRequest(operation: IdentityOperation, data: Uint8Array): { readonly context: RequestContext; readonly args: never } {
  if (data.length > IDENTITY_REQUEST_BYTES_MAX) throw new IdentityFault('REQUEST_MALFORMED', `a request has at most ${IDENTITY_REQUEST_BYTES_MAX} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    throw new IdentityFault('REQUEST_MALFORMED', 'a request is JSON');
  }
  const request = identityRequestSchema.safeParse(json);
  if (!request.success) throw malformed(request.error.issues[0]?.path, request.error.issues[0]?.message);
  const args = IDENTITY_OPERATIONS[operation].args.safeParse(request.data.args);
  if (!args.success) throw malformed(args.error.issues[0]?.path, args.error.issues[0]?.message);
  return { context: request.data.context, args: args.data as never };
}

/** Zod's messages name rules and types, never values; unknown keys are named, and the edge does not pass them on. */
function malformed(path: readonly PropertyKey[] = [], message = 'malformed'): IdentityFault {
  return new IdentityFault('REQUEST_MALFORMED', message, { field: path.map(String).join('.') || undefined });
}

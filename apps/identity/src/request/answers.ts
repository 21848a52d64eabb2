import { IDENTITY_OPERATIONS, IDENTITY_QUEUE_GROUP, IDENTITY_REQUEST_BYTES_MAX, identityRequestSchema, isIdentityOperation, type IdentityOperation, type RequestContext } from '@countersign/contracts';
import { sessionDigest } from '@countersign/credentials';
import { readMessage, type AnsweringService, type Refusal } from '@countersign/request-reply';
import type { ShownKeys } from '../api-keys/shown-keys.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { strangerOf } from '../domain/origin.js';
import type { Flows } from '../parts.js';
import type { SessionRows } from '../store/session-rows.js';
import type { Asker, Handler, Handlers } from './asker.js';
import { personIn, signedInBy } from './authorise.js';
import type { Denials } from './denials.js';
import { faultOf } from './fault-of.js';
import type { Repeated } from './repeated.js';

export interface AnswersDependencies {
  readonly sessions: SessionRows;
  readonly handlers: Handlers;
  readonly denials: Denials;
  readonly shownKeys: ShownKeys;
  readonly repeated: Repeated;
  readonly erasures: Flows['erasures'];
  readonly now: () => Date;
}

/** Finds out who asks, and has each request carried out. */
export class Answers implements AnsweringService {
  readonly name = IDENTITY_QUEUE_GROUP;
  readonly requestBytesMax = IDENTITY_REQUEST_BYTES_MAX;
  readonly failureCode = 'IDENTITY_INTERNAL';

  constructor(private readonly deps: AnswersDependencies) {}

  knows(operation: string, asker: string): boolean {
    return isIdentityOperation(operation) && IDENTITY_OPERATIONS[operation].asker === asker;
  }

  async carryOut(name: string, request: unknown): Promise<unknown> {
    const operation = name as IdentityOperation;
    const { context, args } = readMessage(identityRequestSchema, request);
    const given = readMessage(IDENTITY_OPERATIONS[operation].args, args) as never;
    const asker = await this.#askerOf(operation, context);
    const handle = this.deps.handlers[operation] as Handler<IdentityOperation>;
    try {
      if ('persons' in IDENTITY_OPERATIONS[operation]) personIn(asker);
      return (await this.deps.repeated.answerOf(operation, given, asker)) ?? (await handle(given, asker));
    } catch (error) {
      await this.deps.denials.add(asker, operation, faultOf(error).code);
      throw error;
    }
  }

  refusalOf(error: unknown): Refusal {
    const { code, message, detail } = faultOf(error);
    return { code, message, ...detail };
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
    await this.deps.erasures.requireKept(user_id);
    return { ...stranger, cause: { actor: { type: 'user', id: user_id }, correlationId }, origin: { subject: user_id, ip, userAgent }, signedIn: signedInBy(session) };
  }

  async #program(apiKey: string, stranger: Asker): Promise<Asker> {
    const signedIn = await this.deps.shownKeys.check(apiKey, stranger);
    const { session_id: keyId, user_id: subject } = signedIn.session;
    await this.deps.erasures.requireKept(subject);
    const { ip, userAgent, correlationId } = stranger.context;
    return { ...stranger, cause: { actor: { type: 'api-key', id: keyId }, correlationId }, origin: { subject, ip, userAgent }, signedIn };
  }
}

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { answer, type BusConnection, type BusMessage, type Subscription } from '@countersign/bus';
import { KEYS_OPERATIONS, KEYS_QUEUE_GROUP, serviceNameSchema, type KeysError, type KeysOperation, type KeysReply } from '@countersign/contracts';
import { sealReply, signReply } from '@countersign/envelope';
import type { Logger } from '@countersign/runtime';
import type { Counter, Gauge, Histogram } from 'prom-client';
import { askedOf, authorise } from '../domain/authorisation.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { Handler, Handlers, Outcome } from './asker.js';
import type { Nonces } from './nonces.js';
import type { KnownServices } from './known-services.js';
import { openRequest, type OpenedRequest } from './open-request.js';
import type { Refusals } from './refusals.js';

/** Requests being answered at once; the rest is told to come again. */
export const REQUESTS_AT_ONCE_MAX = 256;

export interface ReceiverDependencies {
  readonly bus: BusConnection;
  readonly services: () => KnownServices;
  readonly privateKey: () => KeyObject;
  readonly handlers: Handlers;
  readonly nonces: Nonces;
  readonly refusals: Refusals;
  readonly log: Logger;
  readonly now: () => number;
  readonly metrics: { readonly duration: Histogram<'operation' | 'outcome'>; readonly refused: Counter<'code'>; readonly open: Gauge };
  readonly requestsAtOnceMax?: number;
}

/** Takes requests from the bus and answers each one, signed. */
export class Receiver {
  #open = 0;
  #subscription: Subscription | undefined;
  readonly #answering = new Set<Promise<void>>();

  constructor(private readonly deps: ReceiverDependencies) {}

  async start(): Promise<void> {
    const { bus, log } = this.deps;
    this.#subscription = bus.subscribe('keys.>', (message) => this.#receive(message), {
      queue: KEYS_QUEUE_GROUP,
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
    const answering = answer(message, `keys.${this.#claimed(message).operation}`, () => this.#answer(message)).catch((error: unknown) => this.deps.log.error({ err: error }, 'request not answered'));
    this.#answering.add(answering);
    answering.finally(() => this.#answering.delete(answering)).catch(() => undefined);
  }

  /** Resolves with the code of the refusal, if it is one. */
  async #answer(message: BusMessage): Promise<string | undefined> {
    const { metrics, requestsAtOnceMax = REQUESTS_AT_ONCE_MAX } = this.deps;
    if (this.#open >= requestsAtOnceMax) {
      this.deps.refusals.count({ ...this.#claimed(message), code: 'KEYS_OVERLOADED', tenant: undefined, purpose: undefined }, false);
      metrics.refused.inc({ code: 'KEYS_OVERLOADED' });
      this.#reply(message, { error: { code: 'KEYS_OVERLOADED', message: 'too many requests at once' } });
      return 'KEYS_OVERLOADED';
    }
    this.#open++;
    metrics.open.set(this.#open);
    const end = metrics.duration.startTimer();
    let refused: string | undefined;
    try {
      this.#reply(message, await this.#replyTo(message));
    } catch (error) {
      const refusal = await this.#refuse(message, error);
      refused = refusal.code;
      this.#reply(message, { error: refusal });
    } finally {
      this.#open--;
      metrics.open.set(this.#open);
      const { operation } = this.#claimed(message);
      end({ operation: Object.hasOwn(KEYS_OPERATIONS, operation) ? operation : 'unknown', outcome: refused === undefined ? 'answered' : 'refused' });
    }
    return refused;
  }

  async #replyTo(message: BusMessage): Promise<KeysReply> {
    const { handlers, nonces, now } = this.deps;
    const services = this.deps.services();
    const request = openRequest(message.data, message.subject, services, now());
    nonces.use(request.nonce, now());
    try {
      authorise(askedOf(request.service, request.operation, request.args), services.get(request.service)?.tenants);
      const handle = handlers[request.operation] as Handler<KeysOperation>;
      return replyOf(request, await handle(request.args, request));
    } catch (error) {
      throw new Refused(request, error);
    }
  }

  /** What is told, and put on record. An error that is no refusal tells nothing but that it was one. */
  async #refuse(message: BusMessage, thrown: unknown): Promise<KeysError> {
    const { refusals, log, metrics } = this.deps;
    const cause = thrown instanceof Refused ? thrown.cause : thrown;
    const fault = cause instanceof KeysFault ? cause : new KeysFault('KEYS_INTERNAL', 'the key service failed; its log tells why');
    if (fault !== cause) log.error({ err: cause, subject: message.subject }, 'request failed');
    metrics.refused.inc({ code: fault.code });
    const { tenant, purpose } = thrown instanceof Refused ? (thrown.request.args as { tenant?: string; purpose?: string }) : {};
    try {
      await refusals.add({ ...this.#claimed(message), code: fault.code, tenant, purpose });
    } catch (error) {
      log.error({ err: error, code: fault.code }, 'refusal not put on record');
    }
    return { code: fault.code, message: fault.message, ...fault.detail };
  }

  /** The subject is anybody's text until the request is verified. */
  #claimed({ subject }: BusMessage): { readonly service: string; readonly operation: string } {
    const [, operation = '', service = ''] = subject.split('.');
    return {
      service: serviceNameSchema.safeParse(service).success ? service : 'unknown',
      operation: Object.hasOwn(KEYS_OPERATIONS, operation) ? operation : 'unknown',
    };
  }

  #reply(message: BusMessage, reply: KeysReply): void {
    message.respond(signReply(Buffer.from(JSON.stringify(reply)), message.data, this.deps.privateKey()));
  }
}

function replyOf(request: OpenedRequest, { result, keys = [] }: Outcome<KeysOperation>): KeysReply {
  if (!KEYS_OPERATIONS[request.operation].sealed) return { result };
  try {
    return { sealed: sealReply(result, keys, request.ephemeral, generateKeyPairSync('x25519'), request) };
  } finally {
    for (const key of keys) key.fill(0);
  }
}

class Refused extends Error {
  constructor(
    readonly request: OpenedRequest,
    override readonly cause: unknown,
  ) {
    super('refused', { cause });
  }
}

import { randomUUID } from 'node:crypto';
import { answer, type BusConnection, type BusMessage, type Subscription } from '@countersign/bus';
import type { Logger } from '@countersign/runtime';
import { readJson, RequestFault } from './read-message.js';
import type { RequestMetrics } from './request-metrics.js';

/** Requests being answered at once; the rest is told to come again. */
export const REQUESTS_AT_ONCE_MAX = 512;
const RETRY_AFTER_MS = 1_000;
const UNKNOWN = 'unknown';

/** What is told of an error. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly field?: string;
  readonly retryAfterMs?: number;
}

/** A service as the receiver sees it. */
export interface AnsweringService {
  /** First token of its subjects, `<name>.<operation>.<asker>`, and the queue that its instances share. */
  readonly name: string;
  readonly requestBytesMax: number;
  /** Whether there is such an operation for this asker. The bus has seen to it that nobody asks under another's name. */
  knows(operation: string, asker: string): boolean;
  /** What is answered; rejects with a refusal or a failure. `request` is JSON of any shape. */
  carryOut(operation: string, request: unknown, asker: string): Promise<unknown>;
  /** The refusal that an error amounts to. */
  refusalOf(error: unknown): Refusal;
  /** Code of a refusal that is a failure of the service itself: nothing is told but a number by which the log has it. */
  readonly failureCode: string;
}

export interface ReceiverDependencies {
  readonly bus: BusConnection;
  readonly service: AnsweringService;
  readonly log: Logger;
  readonly metrics: RequestMetrics;
}

/** Takes requests from the bus and answers each one with `{result}` or `{error}`. */
export class RequestReceiver {
  #subscription: Subscription | undefined;
  readonly #answering = new Set<Promise<void>>();

  constructor(private readonly deps: ReceiverDependencies) {}

  async start(): Promise<void> {
    const { bus, log, service } = this.deps;
    this.#subscription = bus.subscribe(`${service.name}.*.*`, (message) => this.#receive(message), {
      queue: service.name,
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
    const [, name = '', asker = ''] = message.subject.split('.');
    const { service } = this.deps;
    const operation = service.knows(name, asker) ? name : undefined;
    const answering = answer(message, `${service.name}.${operation ?? UNKNOWN}`, () => this.#answer(message, operation, asker)).catch((error: unknown) => this.deps.log.error({ err: error }, 'request not answered'));
    this.#answering.add(answering);
    this.deps.metrics.open.set(this.#answering.size);
    answering.finally(() => {
      this.#answering.delete(answering);
      this.deps.metrics.open.set(this.#answering.size);
    }).catch(() => undefined);
  }

  /** Resolves with the code of the refusal, if it is one. */
  async #answer(message: BusMessage, operation: string | undefined, asker: string): Promise<string | undefined> {
    const { metrics, service } = this.deps;
    const end = metrics.duration.startTimer({ operation: operation ?? UNKNOWN });
    let reply: { readonly result: unknown } | { readonly error: Refusal };
    try {
      if (this.#answering.size > REQUESTS_AT_ONCE_MAX) throw new RequestFault('OVERLOADED', 'too many requests at once', { retryAfterMs: RETRY_AFTER_MS });
      if (operation === undefined) throw new RequestFault('REQUEST_MALFORMED', 'there is no such operation for this asker', { field: 'operation' });
      reply = { result: await service.carryOut(operation, readJson(message.data, service.requestBytesMax), asker) };
    } catch (error) {
      reply = { error: this.#refusal(operation ?? UNKNOWN, error) };
    }
    end({ outcome: 'result' in reply ? 'answered' : 'refused' });
    message.respond(JSON.stringify(reply));
    return 'error' in reply ? reply.error.code : undefined;
  }

  #refusal(operation: string, thrown: unknown): Refusal {
    const { log, metrics, service } = this.deps;
    const refusal = service.refusalOf(thrown);
    metrics.refused.inc({ operation, code: refusal.code });
    if (refusal.code !== service.failureCode) return refusal;
    const failure = randomUUID();
    log.error({ err: thrown, operation, failure }, 'request failed');
    return { code: refusal.code, message: `${service.name} failed; its log tells why under ${failure}` };
  }
}

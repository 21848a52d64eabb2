import type { BusConnection, BusMessage, Subscription } from '@countersign/bus';
import { HOLDER_TYPE_BYTES_MAX, holderTypeRequestSchema, tenantSchema, typeDescriptionSchema, type HolderTypeReply } from '@countersign/contracts';
import { readJson, readMessage, RequestFault } from '@countersign/request-reply';
import type { Logger } from '@countersign/runtime';
import type { Flows } from '../parts.js';
import { faultOf } from '../request/fault-of.js';
import { changeType } from './change-type.js';

/** Registrations at once; the rest is told to come again. */
const AT_ONCE_MAX = 16;
const RETRY_AFTER_MS = 1_000;

/** Takes registrations of services on NATS. Who asks says the subject: the bus lets nobody publish on another's. */
export class BusRegistration {
  #subscription: Subscription | undefined;
  readonly #answering = new Set<Promise<void>>();

  constructor(
    private readonly flows: Pick<Flows, 'store' | 'now'>,
    private readonly bus: BusConnection,
    private readonly log: Pick<Logger, 'error' | 'warn'>,
  ) {}

  async start(): Promise<void> {
    this.#subscription = this.bus.subscribe('holder-types.*.*', (message) => this.#receive(message), { queue: 'retention', onError: (error) => this.log.error({ err: error }, 'registrations are not received') });
    await this.bus.flush();
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    await Promise.all(this.#answering);
  }

  #receive(message: BusMessage): void {
    const answering = this.#answer(message).catch((error: unknown) => this.log.error({ err: error }, 'registration not answered'));
    this.#answering.add(answering);
    answering.finally(() => this.#answering.delete(answering)).catch(() => undefined);
  }

  async #answer(message: BusMessage): Promise<void> {
    let reply: HolderTypeReply;
    try {
      if (this.#answering.size > AT_ONCE_MAX) throw new RequestFault('OVERLOADED', 'too many registrations at once', { retryAfterMs: RETRY_AFTER_MS });
      reply = { result: await this.#register(message) };
    } catch (error) {
      const { code, message: text, detail } = faultOf(error);
      if (code === 'RETENTION_INTERNAL') this.log.error({ err: error }, 'a registration failed');
      reply = { error: { code, message: text, ...detail } };
    }
    message.respond(JSON.stringify(reply));
  }

  async #register({ subject, data }: BusMessage): Promise<{ readonly type: string }> {
    const [, named = '', ours = ''] = subject.split('.');
    const tenant = readMessage(tenantSchema, named);
    const service = readMessage(typeDescriptionSchema.shape.service, ours);
    const { type, persons, ...description } = readMessage(holderTypeRequestSchema, readJson(data, HOLDER_TYPE_BYTES_MAX));
    const by = `${tenant}.${service}`;
    await changeType(this.flows, tenant, type, { type: 'register', description: { ...description, service }, way: 'nats', persons }, { by, origin: undefined, cause: { actor: { type: 'service', id: by } }, command: {}, now: this.flows.now(), checkFresh: () => undefined });
    return { type };
  }
}

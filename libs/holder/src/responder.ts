import { answer, type BusConnection, type BusMessage, type Subscription } from '@countersign/bus';
import { HELD_REQUEST_BYTES_MAX, HOLDER_OPERATIONS, holderSubject, type HolderArgs, type HolderOperation, type HolderReply, type HolderResult } from '@countersign/contracts';
import { HolderFault } from './fault.js';
import type { Holder, SubjectHolder } from './holder.js';
import type { Orders } from './orders.js';

/** Requests being answered at once; the rest is told to come again. */
const REQUESTS_AT_ONCE_MAX = 64;
/** What pg says, without a code, of a connection that the server ended between two statements, as it does when an order's time is over. */
const CONNECTION_GONE = /^(Connection terminated|Client has encountered a connection error)/;
/** PostgreSQL, appendix A: classes 08 (connection), 25 (transaction timed out), 53 (resources), 57 (operator intervention). */
const DATABASE_AWAY = /^(08|25P|53|57)/;

export interface AnsweringOptions {
  readonly bus: BusConnection;
  /** Under which name it answers. */
  readonly service: string;
  readonly onError: (error: unknown, operation: HolderOperation) => void;
}

export interface ResponderOptions extends AnsweringOptions {
  readonly holder: Pick<Holder, 'types' | 'list'>;
  /** {@link Orders} over a database, or what keeps the same promises elsewhere: the first to be durable wins, and an order's outcome is the same for ever. */
  readonly orders: Pick<Orders, 'execute' | 'recall'>;
}

type Answers = { readonly [O in HolderOperation]?: (args: HolderArgs<O>) => Promise<HolderResult<O>> };

/** Answers retention for one service: some of the operations of a holder. */
class Responder {
  readonly #subscriptions: Subscription[] = [];
  readonly #answering = new Set<Promise<void>>();

  constructor(
    private readonly options: AnsweringOptions,
    private readonly answers: Answers,
  ) {}

  async start(): Promise<void> {
    const { bus, service, onError } = this.options;
    for (const operation of Object.keys(this.answers) as HolderOperation[]) {
      const subscription = bus.subscribe(holderSubject(service, operation), (message) => this.#receive(operation, message), {
        queue: `${service}-holder`,
        onError: (error) => onError(error, operation),
      });
      this.#subscriptions.push(subscription);
    }
    await bus.flush();
  }

  /** Takes no more, and waits for what is under way. */
  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    await Promise.all(this.#answering);
  }

  #receive(operation: HolderOperation, message: BusMessage): void {
    const answering = answer(message, `holder.${operation}`, () => this.#answer(operation, message)).catch((error: unknown) => this.options.onError(error, operation));
    this.#answering.add(answering);
    answering.finally(() => this.#answering.delete(answering)).catch(() => undefined);
  }

  /** Resolves with the code of the refusal, if it is one. */
  async #answer(operation: HolderOperation, message: BusMessage): Promise<string | undefined> {
    let reply: HolderReply;
    try {
      if (this.#answering.size > REQUESTS_AT_ONCE_MAX) throw new HolderFault('HOLDER_UNAVAILABLE', 'too many requests at once');
      const answer = this.answers[operation] as (args: unknown) => Promise<unknown>;
      reply = { result: await answer(readArgs(operation, message.data)) };
    } catch (error) {
      const { code, message: text, field } = this.#refusal(error, operation);
      reply = { error: { code, message: text, ...(field === undefined ? {} : { field }) } };
    }
    message.respond(JSON.stringify(reply));
    return 'error' in reply ? reply.error.code : undefined;
  }

  #refusal(error: unknown, operation: HolderOperation): HolderFault {
    if (error instanceof HolderFault) return error;
    this.options.onError(error, operation);
    if (isDatabaseAway(error)) return new HolderFault('HOLDER_UNAVAILABLE', 'something that the holder needs does not answer');
    return new HolderFault('HOLDER_INTERNAL', 'the holder failed; its log tells why');
  }
}

/** What is held, and the orders to delete some of it. */
export class HolderResponder extends Responder {
  constructor({ holder, orders, ...options }: ResponderOptions) {
    super(options, {
      'held-list': async (args) => {
        if (holder.types[args.type] === undefined) throw new HolderFault('TYPE_UNKNOWN', 'nothing of this type is held here', 'type');
        return holder.list(args);
      },
      'held-execute': (order) => orders.execute(order),
      'held-recall': ({ orderId }) => orders.recall(orderId),
    });
  }
}

/** What is held of one person, apart from orders: a service may have the one without the other. */
export class PersonResponder extends Responder {
  constructor(options: AnsweringOptions, subjects: SubjectHolder) {
    super(options, {
      'held-subject': (person) => subjects.show(person),
      'held-export': (page) => subjects.export(page),
      'held-scrub-subject': (request) => subjects.scrub(request),
    });
  }
}

function isDatabaseAway(error: unknown): boolean {
  const { code, message = '' } = error as { readonly code?: unknown; readonly message?: string };
  return typeof code === 'string' ? DATABASE_AWAY.test(code) || code.startsWith('ECONN') : CONNECTION_GONE.test(message);
}

function readArgs(operation: HolderOperation, data: Uint8Array): unknown {
  if (data.length > HELD_REQUEST_BYTES_MAX) throw new HolderFault('REQUEST_MALFORMED', `a request has at most ${HELD_REQUEST_BYTES_MAX} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    throw new HolderFault('REQUEST_MALFORMED', 'a request is JSON');
  }
  const args = HOLDER_OPERATIONS[operation].args.safeParse(json);
  if (!args.success) throw new HolderFault('REQUEST_MALFORMED', args.error.issues[0]?.message ?? 'malformed', args.error.issues[0]?.path.map(String).join('.') || undefined);
  return args.data;
}

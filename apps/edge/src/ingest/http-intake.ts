import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { publishIntake, type BusConnection, type Subscription } from '@countersign/bus';
import { MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX, type Receipt } from '@countersign/chain';
import { HTTP_SOURCE, intakeSubject, receiptBatchSchema, receiptSubject, refusalBatchSchema, refusedSubject } from '@countersign/contracts';
import type { Logger } from '@countersign/runtime';
import { sampledTraceparent } from '@countersign/trace-context';
import { LRUCache } from 'lru-cache';
import { EdgeFault } from '../http/edge-fault.js';

/** Events that wait for their receipts, of all requests. */
export const EVENTS_IN_FLIGHT_MAX = 20_000;
export const BYTES_IN_FLIGHT_MAX = 32 * 1024 * 1024;
/** Requests of one key that wait. */
export const REQUESTS_OF_ONE_MAX = 32;
/** Of the time for a receipt: a bus that says nothing in so long is away, and it does not say so where nobody stores the intake. */
const PUBLISH_SHARE = 0.5;
const SENT_REMEMBERED_MAX = 100_000;

export interface OutgoingEvent {
  readonly id: string;
  /** Canonical JSON. */
  readonly content: string;
}

/** What became of an event; `unknown`: it may be recorded or not, and the same event sent again tells. */
export type IntakeOutcome =
  | { readonly status: 'recorded' | 'repeated'; readonly receipt: Receipt }
  | { readonly status: 'refused'; readonly code: string; readonly field?: string; readonly detail: string }
  | { readonly status: 'unknown'; readonly code: 'LEDGER_UNAVAILABLE' | 'RECEIPT_OUTSTANDING' };

export interface HttpIntakeOptions {
  readonly bus: BusConnection;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  /** How long to wait for receipts. */
  readonly receiptMs: number;
}

type Settle = (outcome: IntakeOutcome) => void;
type Settled = Map<string, IntakeOutcome>;

/**
 * Hands events to the ledger and waits for its receipts: nothing is kept here, so nothing is promised here. An answer is the ledger's, or says that
 * there is none yet.
 */
export class HttpIntake {
  readonly #waiting = new Map<string, Set<Settle>>();
  /** Digest of what was last sent under an id: a receipt names the id alone, and must not be taken for another content's. */
  readonly #sent = new LRUCache<string, string>({ max: SENT_REMEMBERED_MAX });
  readonly #requests = new Map<string, number>();
  /** Of every request that waits: it is over when this is aborted. */
  readonly #over = new Set<AbortController>();
  #events = 0;
  #bytes = 0;
  #subscriptions: readonly Subscription[] = [];

  constructor(private readonly options: HttpIntakeOptions) {}

  start(): void {
    const { bus, log } = this.options;
    const onError = (error: Error): void => log.error({ err: error }, 'receipts do not arrive');
    this.#subscriptions = [
      bus.subscribe(receiptSubject(HTTP_SOURCE), ({ data }) => this.#receipts(data), { onError }),
      bus.subscribe(refusedSubject(HTTP_SOURCE), ({ data }) => this.#refusals(data), { onError }),
    ];
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  /** Whoever waits is answered within this time, by what is known then: this is about to end. */
  endWithin(ms: number): void {
    setTimeout(() => {
      for (const over of this.#over) over.abort();
    }, ms).unref();
  }

  /**
   * Outcomes in order. Rejects with EdgeFault INTAKE_OVERLOADED, RATE_LIMITED before anything was sent.
   * @param sender whose requests are counted together
   */
  async record(sender: string, tenant: string, events: readonly OutgoingEvent[], signal: AbortSignal): Promise<IntakeOutcome[]> {
    const bytes = events.reduce((sum, { content }) => sum + content.length, 0);
    const requests = this.#requests.get(sender) ?? 0;
    if (requests >= REQUESTS_OF_ONE_MAX) throw new EdgeFault('RATE_LIMITED', `at most ${REQUESTS_OF_ONE_MAX} requests of one key wait at once`, { retryAfterMs: 1_000 });
    if (this.#events + events.length > EVENTS_IN_FLIGHT_MAX || this.#bytes + bytes > BYTES_IN_FLIGHT_MAX) throw new EdgeFault('INTAKE_OVERLOADED', 'too many events wait for their receipts');
    this.#requests.set(sender, requests + 1);
    this.#events += events.length;
    this.#bytes += bytes;
    try {
      return await this.#record(tenant, events, signal);
    } finally {
      const left = this.#requests.get(sender)! - 1;
      if (left === 0) this.#requests.delete(sender);
      else this.#requests.set(sender, left);
      this.#events -= events.length;
      this.#bytes -= bytes;
    }
  }

  async #record(tenant: string, events: readonly OutgoingEvent[], signal: AbortSignal): Promise<IntakeOutcome[]> {
    const settled: Settled = new Map();
    const reused = new Set<number>();
    const outgoing = new Map<string, OutgoingEvent>();
    events.forEach((event, at) => {
      if (this.#isReused(tenant, event)) reused.add(at);
      else outgoing.set(event.id, event);
    });
    await this.#send(tenant, [...outgoing.values()], settled, signal);
    return events.map(({ id }, at) => (reused.has(at) ? REUSED : (settled.get(id) ?? { status: 'unknown', code: 'RECEIPT_OUTSTANDING' })));
  }

  /** Of an id that was sent with other content before. Remembers this content. */
  #isReused(tenant: string, { id, content }: OutgoingEvent): boolean {
    const name = `${tenant} ${id}`;
    const digest = createHash('sha256').update(content).digest('base64');
    const before = this.#sent.get(name);
    if (before === undefined) this.#sent.set(name, digest);
    return before !== undefined && before !== digest;
  }

  async #send(tenant: string, events: readonly OutgoingEvent[], settled: Settled, signal: AbortSignal): Promise<void> {
    if (events.length === 0) return;
    const { promise: all, resolve } = Promise.withResolvers<void>();
    const settle = (id: string, outcome: IntakeOutcome): void => {
      settled.set(id, outcome);
      if (settled.size === events.length) resolve();
    };
    const waits = events.map(({ id }) => this.#wait(`${tenant} ${id}`, (outcome) => settle(id, outcome)));
    const isOver = new AbortController();
    this.#over.add(isOver);
    const limit = sleep(this.options.receiptMs, undefined, { signal: AbortSignal.any([isOver.signal, signal]) }).catch(() => undefined);
    const published = Promise.all(chunksOf(events).map((chunk) => this.#publish(tenant, chunk, (id, outcome) => {
      if (!settled.has(id)) settle(id, outcome);
    })));
    await Promise.race([published.then(() => all), limit]);
    isOver.abort();
    this.#over.delete(isOver);
    for (const end of waits) end();
  }

  /** Never rejects: what the bus does not say to have may have reached it all the same. */
  async #publish(tenant: string, chunk: readonly OutgoingEvent[], settle: (id: string, outcome: IntakeOutcome) => void): Promise<void> {
    const own = sampledTraceparent();
    try {
      await publishIntake(this.options.bus, intakeSubject(HTTP_SOURCE, tenant), `[${chunk.map(({ content }) => content).join(',')}]`, { timeoutMs: this.options.receiptMs * PUBLISH_SHARE, ...(own === undefined ? {} : { traceparents: [own] }) });
    } catch (error) {
      this.options.log.warn({ err: error }, 'events over HTTP did not reach the bus');
      for (const { id } of chunk) settle(id, { status: 'unknown', code: 'LEDGER_UNAVAILABLE' });
    }
  }

  #wait(name: string, settle: Settle): () => void {
    const all = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, all.add(settle));
    return () => {
      all.delete(settle);
      if (all.size === 0) this.#waiting.delete(name);
    };
  }

  #receipts(data: Uint8Array): void {
    const batch = receiptBatchSchema.safeParse(parse(data)).data;
    // A PubAck may show up here too: whoever sends chooses where it goes.
    if (batch === undefined) return;
    for (const status of ['recorded', 'repeated'] as const) for (const receipt of batch[status]) this.#settle(receipt.tenant, receipt.id, { status, receipt });
  }

  #refusals(data: Uint8Array): void {
    for (const { tenant, id, code, field, message } of refusalBatchSchema.safeParse(parse(data)).data?.refusals ?? []) {
      if (id === undefined) continue;
      // It is on record under no id: another content may have it.
      this.#sent.delete(`${tenant} ${id}`);
      this.#settle(tenant, id, { status: 'refused', code, ...(field === undefined ? {} : { field }), detail: message });
    }
  }

  #settle(tenant: string, id: string, outcome: IntakeOutcome): void {
    for (const settle of this.#waiting.get(`${tenant} ${id}`) ?? []) settle(outcome);
  }
}

const REUSED: IntakeOutcome = { status: 'refused', code: 'EVENT_ID_REUSED', field: 'id', detail: 'the id was sent with other content' };

function chunksOf(events: readonly OutgoingEvent[]): OutgoingEvent[][] {
  const chunks: OutgoingEvent[][] = [];
  let bytes = MESSAGE_BYTES_MAX;
  for (const event of events) {
    const size = Buffer.byteLength(event.content) + 1;
    const last = chunks.at(-1);
    if (last === undefined || bytes + size > MESSAGE_BYTES_MAX - 2 || last.length === MESSAGE_EVENTS_MAX) {
      chunks.push([event]);
      bytes = size;
    } else {
      last.push(event);
      bytes += size;
    }
  }
  return chunks;
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ChainFault } from '@countersign/chain';
import { inSpanOfMany, type SpanGiven } from '@countersign/trace-context';
import { SpanKind } from '@opentelemetry/api';
import { EventIdOnRecord, HeadMoved, type AppendStore, type SealedQuarantineRow } from './append-store.js';
import { Batch, type RandomBytes, type Recorded } from './batch.js';
import type { BodySealer } from './body-sealer.js';
import type { RowBuffers } from './copy-rows.js';
import type { Head, Ledger } from './head.js';
import { MessageQueue } from './message-queue.js';
import { sealRefusals } from './seal-refusals.js';
import { emptySettlement, settle, type PendingMessage, type Settlement } from './settle.js';

export const BATCH_EVENTS_MAX = 1_000;
export const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Messages whose ids are looked up at once. */
const LOOKUP_MESSAGES_MAX = 32;
const LOOKUP_BATCHES = 4;
/** A batch that still collides after this many look-ups is an error to report, not a run of duplicates. */
const COLLISIONS_MAX = 5;
const RETRY_DELAY_MS_MAX = 5_000;

export interface AppenderDependencies {
  readonly store: AppendStore;
  readonly now: () => Date;
  readonly randomBytes: RandomBytes;
  readonly rowBuffers: RowBuffers;
  readonly sealer: BodySealer;
  /** After commit: the ledger has grown, or has settled these messages. */
  readonly onCommitted: (ledger: Ledger, head: Head, settled: readonly Settled[]) => void;
  /** An invariant is broken; the appender has stopped. */
  readonly onBroken: (ledger: Ledger, fault: ChainFault) => void;
  /** Refusals could not be sealed: their messages are put back. */
  readonly onPutOff: (ledger: Ledger, error: unknown) => void;
  /** The store failed; the batch is kept and tried again. */
  readonly onRetry: (ledger: Ledger, error: unknown) => void;
}

export interface Settled {
  readonly message: PendingMessage;
  readonly settlement: Settlement;
}

interface Built {
  readonly batch: Batch;
  readonly next: Head;
  readonly settled: readonly Settled[];
  readonly quarantine: readonly SealedQuarantineRow[];
}

/**
 * The one appender of one ledger. While a batch is being committed the next one is built, so batches grow with the
 * load by themselves: one message when idle, thousands of events when the store is the limit.
 */
export class Appender {
  private readonly queue = new MessageQueue();
  private head: Head | undefined;
  private inFlight: { built: Built; done: Promise<unknown> } | undefined;
  private lookedUp: ReadonlyMap<string, Recorded> = new Map();
  /** Batches for which ids are looked up before they are built: duplicates come in runs. */
  private lookups = 0;
  /** Messages taken from the queue and not yet committed or given back. */
  private building: Settled[] = [];
  private collisions = 0;
  private retryDelayMs = 0;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    readonly ledger: Ledger,
    private readonly deps: AppenderDependencies,
  ) {}

  /** Takes a message. Its `ack` is called once every event in it is committed or quarantined. */
  offer(message: PendingMessage): void {
    this.queue.push(message);
    this.running ??= this.run();
  }

  /** Finishes what is in flight and returns the messages that were not begun. */
  async stop(): Promise<readonly PendingMessage[]> {
    this.stopped = true;
    this.queue.close();
    await this.running;
    return this.queue.takeAll();
  }

  /** True once it has begun to stop, by {@link stop} or because the ledger is broken. */
  get hasStopped(): boolean {
    return this.stopped;
  }

  /** Resolves when nothing more will be settled; at once when nothing was ever offered. */
  get ended(): Promise<void> {
    return this.running ?? Promise.resolve();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      if (this.queue.length === 0 && this.inFlight === undefined) await this.queue.arrival();
      if (this.stopped) break;
      try {
        this.head ??= await this.deps.store.loadHead(this.ledger);
        const built = await this.build(this.inFlight?.built.next ?? this.head);
        await this.awaitCommit();
        if (built !== undefined) this.beginCommit(built);
      } catch (error) {
        await this.recover(error);
      }
    }
    await this.finish();
  }

  private async finish(): Promise<void> {
    try {
      await this.awaitCommit();
    } catch (error) {
      await this.recover(error);
    }
  }

  /** Builds from queued messages until the batch is full, or the queue is empty and nothing is in flight to wait for. */
  private async build(base: Head): Promise<Built | undefined> {
    if (this.queue.length === 0) return undefined;
    const front = this.queue.front(LOOKUP_MESSAGES_MAX);
    const lookUp = this.lookups > 0 || front.some((message) => message.redelivered);
    const messagesMax = lookUp ? await this.lookUp(front) : Infinity;
    const batch = new Batch(this.ledger, base, this.deps.now(), this.deps.randomBytes, this.deps.rowBuffers);
    const settled = (this.building = []) as Settled[];
    const onRecord = (id: string): Recorded | undefined =>
      this.inFlight?.built.batch.recorded.get(id) ?? this.lookedUp.get(id);
    let events = 0;
    while (settled.length < messagesMax && events < BATCH_EVENTS_MAX && batch.rows.byteLength < BATCH_BYTES_MAX) {
      const message = this.queue.shift();
      if (message === undefined) {
        if (!(await this.moreBeforeCommit())) break;
        continue;
      }
      const settlement = emptySettlement();
      // Listed before it is begun: whatever happens on the way, it is put back.
      settled.push({ message, settlement });
      for (const _ of settle(message, settlement, batch, onRecord, this.ledger.tenant)) await nextTurn();
      events += settlement.recorded.length + settlement.repeated.length + settlement.refusals.length;
    }
    const quarantine = await sealRefusals(
      this.ledger.tenant,
      settled.map(({ settlement }) => settlement),
      this.deps.sealer,
      (error) => this.deps.onPutOff(this.ledger, error),
    );
    return { batch, next: batch.next(), settled, quarantine };
  }

  /** While a commit is in flight there is nothing better to do than to let the next batch grow. */
  private async moreBeforeCommit(): Promise<boolean> {
    const { inFlight } = this;
    if (inFlight === undefined) return false;
    let settledFirst = false;
    const settled = inFlight.done.then(noop, noop).then(() => (settledFirst = true));
    await Promise.race([settled, this.queue.arrival()]);
    return !settledFirst && this.queue.length > 0;
  }

  private beginCommit(built: Built): void {
    const { batch, next, settled, quarantine } = built;
    const commit = {
      ledger: this.ledger,
      base: batch.base,
      next,
      entries: batch.rows.rowCount === 0 ? undefined : batch.rows.finish(),
      tiles: batch.tiles,
      quarantine,
      accounted: settled.flatMap((s) => s.settlement.accounted),
    };
    const traceparents = settled.flatMap(({ message }) => message.traceparent ?? []);
    const done = inSpanOfMany('append', spanOf(settled.length, batch.rows.rowCount), traceparents, () => this.deps.store.commit(commit));
    // Awaited in awaitCommit(); until then a failure must not count as unhandled.
    done.catch(noop);
    this.building = [];
    this.inFlight = { built, done };
  }

  private async awaitCommit(): Promise<void> {
    if (this.inFlight === undefined) return;
    const { built, done } = this.inFlight;
    await done;
    // The commit point: the events are on record. All that follows may be repeated, or lost, without harm.
    this.inFlight = undefined;
    built.batch.rows.release();
    this.head = built.next;
    this.retryDelayMs = 0;
    this.collisions = 0;
    if (this.lookups > 0) this.lookups -= 1;
    if (this.lookups === 0 && this.lookedUp.size > 0) this.lookedUp = new Map();
    for (const { message, settlement } of built.settled) {
      if (settlement.putOff === undefined) message.ack();
      else message.putBack(settlement.putOff.why);
    }
    this.deps.onCommitted(this.ledger, built.next, built.settled);
  }

  /** Puts everything unsettled back in order and starts again from what the store says. */
  private async recover(error: unknown): Promise<void> {
    const again = [...(this.inFlight?.built.settled ?? []), ...this.building];
    this.queue.unshift(again.map((s) => s.message));
    this.inFlight = undefined;
    this.building = [];
    this.head = undefined;
    if (error instanceof ChainFault) {
      this.stopped = true;
      this.queue.close();
      this.deps.onBroken(this.ledger, error);
      return;
    }
    this.lookups = LOOKUP_BATCHES;
    if (error instanceof HeadMoved) return;
    this.collisions += 1;
    if (error instanceof EventIdOnRecord && this.collisions <= COLLISIONS_MAX) return;
    this.deps.onRetry(this.ledger, error);
    this.retryDelayMs = Math.min(Math.max(50, this.retryDelayMs * 2), RETRY_DELAY_MS_MAX);
    if (!this.stopped) await sleep(this.retryDelayMs);
  }

  /** Looks up the ids of as many messages as one batch takes, and says how many those are. */
  private async lookUp(messages: readonly PendingMessage[]): Promise<number> {
    const ids: string[] = [];
    let count = 0;
    for (const message of messages) {
      for (const admission of message.admit()) if ('admitted' in admission) ids.push(admission.admitted.event.id);
      count += 1;
      if (ids.length >= BATCH_EVENTS_MAX) break;
      await nextTurn();
    }
    // Only this batch's: remembering every duplicate of a long run would have no limit.
    this.lookedUp = ids.length === 0 ? new Map<string, Recorded>() : await this.deps.store.findRecorded(this.ledger, ids);
    // A run of duplicates goes on as long as they are found.
    if (this.lookedUp.size > 0) this.lookups = LOOKUP_BATCHES;
    return count;
  }
}

/** One of the whole batch: what is done for each event is too fast, and too much, to be a span. */
function spanOf(messages: number, events: number): SpanGiven {
  return { kind: SpanKind.CONSUMER, attributes: { 'messaging.system': 'nats', 'messaging.operation.name': 'append', 'messaging.destination.name': 'intake.*.*', 'messaging.batch.message_count': messages, 'countersign.events': events } };
}

function noop(): void {
  // A failure is seen where the same promise is awaited.
}

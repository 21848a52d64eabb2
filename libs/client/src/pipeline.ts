import { sampledTraceparent } from '@countersign/trace-context';
import type { ChunkPool } from './delivery/chunk.js';
import { Delivery, type RefusedEntry } from './delivery/delivery.js';
import { Entry, type Batch, type Outcome } from './delivery/lane.js';
import { pieceText, residentPiece } from './delivery/message-body.js';
import { DeadlineQueue } from './deadline-queue.js';
import { EmitError } from './errors.js';
import { eventBytesMax, numberText, type PreparedEvent } from './event-input.js';
import { GroupCommit } from './group-commit.js';
import type { EmitterSettings } from './options.js';
import { FRAME_HEADER_BYTES } from './spool/frame.js';
import type { RecoveredEvent } from './spool/recovery.js';
import type { RefusedStore } from './spool/refused-store.js';
import type { Spool } from './spool/spool.js';
import type { EmitterTransport } from './transport.js';

/** What a number adds to an event beside the producer's name: `,"producer":{"id":,"sequence":9007199254740991}`. */
const NUMBER_BYTES_MAX = 48;
/** What an event may take in the spool beside its JSON: a frame of its own. */
const FRAMING_BYTES_MAX = FRAME_HEADER_BYTES + 1;

/** How long an event in a message may stay in memory when memory is short. */
const EVICT_EVERY_MS = 1_000;

/** What `emit` resolves with. `sequence` is undefined for events that are not numbered. */
export interface Emitted {
  readonly id: string;
  readonly sequence: number | undefined;
}

export interface PipelineParts {
  readonly settings: EmitterSettings;
  readonly producerId: string;
  readonly spool: Spool;
  readonly pool: ChunkPool;
  readonly refusedStore: RefusedStore | undefined;
  readonly transport: EmitterTransport;
  readonly recovered: readonly RecoveredEvent[];
  readonly clock: () => number;
}

/** One call of `emit` on its way to durability. */
export interface Emission {
  readonly resolve: (emitted: Emitted) => void;
  readonly reject: (error: Error) => void;
  /** Told of the receipt or refusal, if the caller waits for it. */
  readonly outcome: Outcome | undefined;
}

interface WaitingEmission {
  readonly prepared: PreparedEvent;
  readonly bytesMax: number;
  readonly emission: Emission;
  readonly traceparent: string | undefined;
}

/** The way of an event: space, number, group commit, delivery, receipt. */
export class Pipeline {
  readonly delivery: Delivery;
  readonly commit: GroupCommit;
  /** Accepted and without a receipt. */
  pending = 0;
  emitted = 0;
  readonly #waiting: DeadlineQueue<WaitingEmission>;
  readonly #unconfirmed: DeadlineQueue<Entry>;
  readonly #confirmOnPublish: boolean;
  readonly #quotedProducer: string;
  #sequence: number;
  #drained: (() => void)[] = [];
  #evictedAtMs = 0;

  constructor(readonly parts: PipelineParts) {
    const { settings, spool } = parts;
    this.#sequence = spool.lastSequence;
    this.#quotedProducer = JSON.stringify(parts.producerId);
    this.#confirmOnPublish = settings.durability === 'bus';
    this.delivery = new Delivery(settings.source, parts.transport, settings, {
      load: (entries) => spool.load(entries),
      confirmed: (batch) => this.#confirmed(batch),
      release: (entry) => this.#release(entry),
      keepRefused: (refused) => this.#keepRefused(refused),
      cleared: () => this.#cleared(),
    });
    this.commit = new GroupCommit(spool, parts.pool, settings.lingerMs, {
      committed: (entries) => this.#committed(entries),
      failed: (entries, error) => this.#failed(entries, error as Error),
    });
    const patience = `within ${settings.emitTimeoutMs} ms`;
    this.#waiting = new DeadlineQueue(settings.emitTimeoutMs, ({ emission }) =>
      emission.reject(new EmitError('SPOOL_FULL', `no space came free in the spool ${patience}`)),
    );
    this.#unconfirmed = new DeadlineQueue(settings.emitTimeoutMs, (entry) => {
      entry.settle?.reject(new EmitError('PUBLISH_UNCONFIRMED', `the bus did not confirm ${patience}; the event is still being sent`));
      entry.settle = undefined;
    });
    for (const event of parts.recovered) this.#recover(event);
    this.delivery.sender.pump();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get idle(): boolean {
    return this.pending === 0 && this.#waiting.length === 0;
  }

  /** Numbers and stages the event, or lets it wait for space, behind all that wait already. */
  accept(prepared: PreparedEvent, emission: Emission): void {
    const { settings } = this.parts;
    const bytesMax = eventBytesMax(prepared.content, prepared.numbered ? NUMBER_BYTES_MAX + this.#quotedProducer.length : 0);
    const emitted = { prepared, bytesMax, emission, traceparent: sampledTraceparent() };
    if (this.#waiting.length === 0 && this.#hasRoom(bytesMax)) {
      this.#stage(emitted);
    } else if (this.#waiting.length < settings.waitingEmitsMax && settings.emitTimeoutMs > 0) {
      this.#waiting.push(emitted);
    } else {
      throw new EmitError('SPOOL_FULL', 'the spool is full');
    }
  }

  /** Resolves when nothing is pending, or `giveUp` was called. */
  drained(): Promise<void> {
    return this.idle ? Promise.resolve() : new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Ends what still waits: emits for space, callers for receipts, `drained`. */
  giveUp(error: EmitError): void {
    this.#waiting.takeWhile(({ emission }) => {
      emission.reject(error);
      return true;
    });
    for (const lane of this.delivery.sender.lanes.values()) {
      for (const entry of lane.entryById.values()) {
        entry.settle?.reject(error);
        entry.settle = undefined;
        entry.outcome?.(error, false);
        entry.outcome = undefined;
      }
    }
    this.#unconfirmed.takeWhile(() => true);
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #hasRoom(bytes: number): boolean {
    const { settings, spool } = this.parts;
    return this.pending < settings.spoolEventsMax && spool.hasRoom(this.commit.stagedBytes + bytes + FRAMING_BYTES_MAX);
  }

  #stage({ prepared, bytesMax, emission, traceparent }: WaitingEmission): void {
    const lane = this.delivery.sender.lane(prepared.tenant);
    const twin = lane.entryById.get(prepared.id);
    if (twin !== undefined) {
      this.#join(twin, prepared, emission).catch(emission.reject);
      return;
    }
    const sequence = prepared.numbered ? ++this.#sequence : undefined;
    const entry = new Entry(lane, prepared.id, sequence);
    entry.settle = emission;
    entry.outcome = emission.outcome;
    entry.traceparent = traceparent;
    lane.entryById.set(prepared.id, entry);
    this.pending++;
    this.emitted++;
    this.commit.add(entry, prepared.content, this.#numberOf(sequence), bytesMax);
  }

  #numberOf(sequence: number | undefined): string {
    return sequence === undefined ? '' : numberText(this.#quotedProducer, sequence);
  }

  /** The same event again while the first is on its way: both callers get the same answer. */
  async #join(twin: Entry, prepared: PreparedEvent, emission: Emission): Promise<void> {
    const piece = residentPiece(twin) ?? (await this.parts.spool.load([twin]).catch(() => []))[0];
    const number = this.#numberOf(twin.sequence);
    const same = number === '' ? prepared.content : prepared.content.slice(0, -1) + number;
    if (piece !== undefined && pieceText(twin, piece) !== same) {
      emission.reject(new EmitError('EVENT_ID_REUSED', 'another event with this id is on its way', 'id'));
      return;
    }
    const { settle, outcome } = twin;
    twin.outcome = (result, repeated) => (outcome?.(result, repeated), emission.outcome?.(result, repeated));
    if (settle === undefined) {
      emission.resolve({ id: twin.id, sequence: twin.sequence });
    } else {
      twin.settle = {
        resolve: (emitted) => (settle.resolve(emitted), emission.resolve(emitted)),
        reject: (error) => (settle.reject(error), emission.reject(error)),
      };
    }
  }

  #recover(event: RecoveredEvent): void {
    const { sender } = this.delivery;
    const lane = sender.lane(event.tenant);
    const entry = new Entry(lane, event.id, event.sequence);
    entry.bytes = event.bytes;
    entry.segment = event.segment;
    entry.offset = event.offset;
    entry.frame = event.frame;
    if (lane.entryById.has(event.id)) {
      // Emitted again after its receipt: the ledger knows it already.
      this.parts.spool.clear(entry);
      return;
    }
    if (event.chunk !== undefined) entry.place(event.chunk, event.offset, event.bytes);
    lane.entryById.set(event.id, entry);
    this.pending++;
    sender.push(entry);
  }

  #committed(entries: readonly Entry[]): void {
    const { settings, pool } = this.parts;
    const crowded = !this.#confirmOnPublish && pool.residentBytes > settings.residentBytesMax;
    if (crowded) this.#evictSent();
    for (const entry of entries) {
      this.delivery.sender.push(entry);
      if (this.#confirmOnPublish) {
        this.#unconfirmed.push(entry);
        continue;
      }
      if (crowded) entry.evict();
      this.#settled(entry);
    }
    this.delivery.sender.pump();
  }

  /** Events that wait long for their receipt must not crowd out those that are about to be sent. */
  #evictSent(): void {
    const nowMs = performance.now();
    if (nowMs - this.#evictedAtMs < EVICT_EVERY_MS) return;
    this.#evictedAtMs = nowMs;
    for (const lane of this.delivery.sender.lanes.values()) lane.evictSentBefore(nowMs - EVICT_EVERY_MS);
  }

  #failed(entries: readonly Entry[], error: Error): void {
    this.#sequence = this.parts.spool.lastSequence;
    for (const entry of entries) {
      entry.lane.entryById.delete(entry.id);
      entry.evict();
      this.pending--;
      entry.settle?.reject(error);
    }
    this.parts.settings.log.error({ err: error, events: entries.length }, 'events could not be spooled; their emits were rejected');
    this.#cleared();
  }

  #confirmed(batch: Batch): void {
    if (!this.#confirmOnPublish) return;
    for (const entry of batch.entries) this.#settled(entry);
    this.#unconfirmed.takeWhile((entry) => entry.settle === undefined);
  }

  #settled(entry: Entry): void {
    const settle = entry.settle;
    entry.settle = undefined;
    settle?.resolve({ id: entry.id, sequence: entry.sequence });
  }

  #release(entry: Entry): void {
    // With durability 'bus' the receipt may overtake the PubAck, and says more.
    this.#settled(entry);
    this.parts.spool.clear(entry);
    entry.evict();
    this.pending--;
  }

  async #keepRefused(refused: readonly RefusedEntry[]): Promise<void> {
    const { spool, refusedStore, settings, clock } = this.parts;
    const pieces = await spool.load(refused.map(({ entry }) => entry));
    const readable = refused.flatMap(({ entry, refusal }, at) => {
      const piece = pieces[at];
      return piece === undefined || entry.cleared ? [] : [{ refusal, event: pieceText(entry, piece) }];
    });
    await refusedStore?.keep(readable, new Date(clock()).toISOString());
    for (const { refusal, event } of readable) {
      try {
        settings.onRefused(refusal, event);
      } catch (error) {
        settings.log.error({ err: error }, 'onRefused threw');
      }
    }
  }

  #cleared(): void {
    this.#waiting.takeWhile((waiting) => {
      if (!this.#hasRoom(waiting.bytesMax)) return false;
      this.#stage(waiting);
      return true;
    });
    if (!this.idle) return;
    this.commit.tidySoon();
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}

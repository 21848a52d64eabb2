import { intakeSubject } from '@countersign/contracts';
import { RESEND_AFTER_MS_MAX, type DeliverySettings } from '../options.js';
import type { EmitterTransport } from '../transport.js';
import { Lane, type Batch, type Entry } from './lane.js';
import { messageBody, messageBodyOfPieces, type Piece } from './message-body.js';

const TICK_MS = 50;
const BACK_OFF_MS_MIN = 50;
const BACK_OFF_MS_MAX = 2_000;
const RESEND_BATCHES_MAX = 64;

export interface SenderCounts {
  /** Events sent, every time counted. */
  sent: number;
  messages: number;
  resent: number;
  publishErrors: number;
}

export interface SenderDuties {
  /** Finds or reads back the JSON of entries; undefined for what was cleared meanwhile or cannot be read any more. */
  load(entries: readonly Entry[]): Promise<(Piece | undefined)[]>;
  /** The bus confirmed a message. */
  confirmed(batch: Batch): void;
  /** The entry's JSON is gone; it must be cleared. */
  unreadable(entry: Entry): void;
}

/**
 * Sends the entries of all lanes in order within each lane, packed into messages, and sends them again until they are cleared.
 * A PubAck only opens the window; it clears nothing.
 */
export class Sender {
  readonly counts: SenderCounts = { sent: 0, messages: 0, resent: 0, publishErrors: 0 };
  readonly lanes = new Map<string, Lane>();
  readonly #ready = new Set<Lane>();
  #messagesInFlight = 0;
  /** Sum of `counted` over all lanes. */
  #unreceipted = 0;
  /** Completions of publishes from before a reconnect belong to an older epoch and count no more. */
  #epoch = 0;
  #backOffMs = 0;
  #backOffTimer: NodeJS.Timeout | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;
  readonly #ticker: NodeJS.Timeout;
  readonly #stopStatus: () => void;
  #stopped = false;

  constructor(
    readonly source: string,
    readonly transport: EmitterTransport,
    readonly settings: DeliverySettings,
    readonly duties: SenderDuties,
    readonly random: () => number = Math.random,
  ) {
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
    this.#stopStatus = transport.onStatus((connected) => (connected ? this.#reconnected() : undefined));
  }

  lane(tenant: string): Lane {
    let lane = this.lanes.get(tenant);
    if (lane === undefined) {
      lane = new Lane(tenant, this.settings.resendAfterMs);
      this.lanes.set(tenant, lane);
    }
    return lane;
  }

  /** Queues a durable entry. Call `pump` after the last of a group. */
  push(entry: Entry): void {
    entry.lane.push(entry);
    this.#ready.add(entry.lane);
  }

  /** Takes note of a receipt or refusal. Call `pump` after the last of a group. */
  clear(entry: Entry, nowMs: number): void {
    const lane = entry.lane;
    const before = lane.counted;
    lane.clear(entry, nowMs);
    this.#unreceipted += lane.counted - before;
    lane.progressed = true;
    lane.resendDelayMs = this.settings.resendAfterMs;
  }

  stop(): void {
    this.#stopped = true;
    this.#stopStatus();
    clearInterval(this.#ticker);
    clearTimeout(this.#backOffTimer);
    clearTimeout(this.#lingerTimer);
  }

  /** Sends what may be sent now. */
  pump(): void {
    let passed = 0;
    while (passed < this.#ready.size && this.#mayPublish()) {
      const lane = this.#ready.values().next().value as Lane;
      this.#ready.delete(lane);
      if (lane.unsent === 0) continue;
      this.#ready.add(lane);
      if (this.#publishNext(lane)) passed = 0;
      else passed++;
    }
  }

  #mayPublish(): boolean {
    return (
      !this.#stopped &&
      this.#backOffTimer === undefined &&
      this.transport.connected &&
      this.#messagesInFlight < this.settings.messagesInFlightMax &&
      this.#unreceipted < this.settings.unreceiptedEventsMax
    );
  }

  #publishNext(lane: Lane): boolean {
    const nowMs = performance.now();
    if (lane.loading || (lane.messagesInFlight > 0 && lane.recovering) || this.#holds(lane, nowMs)) return false;
    const before = lane.counted;
    const batch = lane.take(this.settings.batchEventsMax, this.settings.batchBytesMax, nowMs);
    if (batch === undefined) return false;
    this.#unreceipted += lane.counted - before;
    lane.sentAtMs = nowMs;
    lane.messagesInFlight++;
    this.#messagesInFlight++;
    batch.inFlight = true;
    if (batch.entries.every((entry) => entry.chunk !== undefined)) this.#publish(batch, messageBody(batch.entries), this.#epoch);
    else this.#loadThenPublish(batch, this.#epoch).catch((error: unknown) => this.settings.log.error({ err: error }, 'sending stopped'));
    return true;
  }

  /**
   * A partial message follows the one before after lingerMs, and at once when that was longer ago: messages grow with
   * load. Every message costs the bus and the ledger a sync to disk, however little it carries.
   */
  #holds(lane: Lane, nowMs: number): boolean {
    const { batchEventsMax, batchBytesMax, lingerMs } = this.settings;
    if (lane.unsent >= batchEventsMax || lane.unsentBytes + lane.unsent + 2 >= batchBytesMax) return false;
    const waitMs = lane.sentAtMs + lingerMs - nowMs;
    if (waitMs <= 0) return false;
    this.#lingerTimer ??= setTimeout(() => {
      this.#lingerTimer = undefined;
      this.pump();
    }, Math.max(1, waitMs));
    return true;
  }

  async #loadThenPublish(batch: Batch, epoch: number): Promise<void> {
    batch.lane.loading = true;
    try {
      const body = this.#readableBody(batch, await this.duties.load(batch.entries));
      batch.lane.loading = false;
      if (epoch !== this.#epoch || this.#stopped) this.#failed(batch, epoch, undefined);
      else if (body !== undefined) this.#publish(batch, body, epoch);
      else this.#acknowledged(batch, epoch);
    } catch (error) {
      batch.lane.loading = false;
      this.#failed(batch, epoch, error);
    }
    this.pump();
  }

  #readableBody(batch: Batch, pieces: readonly (Piece | undefined)[]): Buffer | undefined {
    const entries: Entry[] = [];
    const readable: Piece[] = [];
    batch.entries.forEach((entry, index) => {
      const piece = pieces[index];
      if (entry.cleared) return;
      if (piece === undefined) return this.duties.unreadable(entry);
      entries.push(entry);
      readable.push(piece);
    });
    return entries.length > 0 ? messageBodyOfPieces(entries, readable) : undefined;
  }

  #publish(batch: Batch, body: Buffer, epoch: number): void {
    this.counts.messages++;
    this.counts.sent += batch.entries.length;
    const traceparents: string[] = [];
    for (const entry of batch.entries) {
      if (++entry.sends > 1) this.counts.resent++;
      if (entry.traceparent !== undefined) traceparents.push(entry.traceparent);
    }
    this.transport.publish(intakeSubject(this.source, batch.lane.tenant), body, traceparents).then(
      () => this.#acknowledged(batch, epoch),
      (error: unknown) => this.#failed(batch, epoch, error),
    );
  }

  #acknowledged(batch: Batch, epoch: number): void {
    this.duties.confirmed(batch);
    batch.inFlight = false;
    if (epoch !== this.#epoch || this.#stopped) return;
    this.#messagesInFlight--;
    batch.lane.messagesInFlight--;
    batch.lane.recovering = false;
    this.#backOffMs = 0;
    this.pump();
  }

  #failed(batch: Batch, epoch: number, error: unknown): void {
    batch.inFlight = false;
    if (this.#stopped) return;
    this.#change(batch.lane, () => batch.lane.restore(batch));
    if (epoch !== this.#epoch) return;
    const lane = batch.lane;
    this.#messagesInFlight--;
    lane.messagesInFlight--;
    lane.recovering = true;
    this.counts.publishErrors++;
    this.settings.log.warn({ err: error, tenant: lane.tenant, events: batch.entries.length }, 'publish failed; it will be tried again');
    this.#backOff();
  }

  #backOff(): void {
    if (this.#backOffTimer !== undefined) return;
    this.#backOffMs = Math.min(Math.max(BACK_OFF_MS_MIN, this.#backOffMs * 2), BACK_OFF_MS_MAX);
    // Between half and all of it, so that producers that failed together do not come back together.
    const waitMs = this.#backOffMs * (0.5 + this.random() / 2);
    this.#backOffTimer = setTimeout(() => {
      this.#backOffTimer = undefined;
      this.pump();
    }, waitMs);
  }

  /** What was sent before may be gone with the connection or the stream: everything without a receipt goes again, in order. */
  #reconnected(): void {
    this.#epoch++;
    this.#messagesInFlight = 0;
    this.#backOffMs = 0;
    clearTimeout(this.#backOffTimer);
    this.#backOffTimer = undefined;
    for (const lane of this.lanes.values()) {
      lane.messagesInFlight = 0;
      lane.recovering = true;
      this.#change(lane, () => {
        lane.stalled = false;
        lane.rewind(Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, true);
      });
    }
    this.pump();
  }

  #tick(): void {
    if (!this.transport.connected) return;
    const nowMs = performance.now();
    for (const lane of this.lanes.values()) {
      if (lane.oldest !== undefined) this.#resendOverdue(lane, nowMs);
      else if (lane.entryById.size === 0 && lane.messagesInFlight === 0) this.#forget(lane);
    }
    this.pump();
  }

  /**
   * Overdue is what was sent long ago while the oldest entry has not moved either: a ledger that is slow and still
   * gives receipts needs no copies of what it has in its queue. While the ledger is silent only one message is sent again, at growing intervals: a long outage must not fill the
   * stream with copies. Once receipts come the amount doubles each time until nothing is overdue.
   */
  #resendOverdue(lane: Lane, nowMs: number): void {
    const batch = (lane.oldest as Entry).batch;
    if (batch === undefined || batch.inFlight) return;
    const overdue = nowMs - batch.sentAtMs >= lane.resendDelayMs && nowMs - lane.advancedAtMs >= this.settings.resendAfterMs;
    if (!overdue) return;
    const sentBeforeMs = nowMs - lane.resendDelayMs;
    if (lane.progressed) {
      lane.resendBatches = Math.min(lane.resendBatches * 2, RESEND_BATCHES_MAX);
    } else {
      lane.resendBatches = 1;
      lane.resendDelayMs = Math.min(lane.resendDelayMs * 2, RESEND_AFTER_MS_MAX);
    }
    this.#change(lane, () => {
      lane.stalled ||= !lane.progressed;
      lane.rewind(lane.resendBatches * this.settings.batchEventsMax, sentBeforeMs, false);
    });
    lane.progressed = false;
  }

  #change(lane: Lane, change: () => void): void {
    const before = lane.counted;
    change();
    this.#unreceipted += lane.counted - before;
    if (lane.unsent > 0) this.#ready.add(lane);
  }

  #forget(lane: Lane): void {
    this.lanes.delete(lane.tenant);
    this.#ready.delete(lane);
  }
}

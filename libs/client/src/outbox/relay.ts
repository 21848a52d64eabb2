import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt } from '@countersign/chain';
import { Delivery, type DeliveryCounts, type RefusedEntry } from '../delivery/delivery.js';
import { Chunk } from '../delivery/chunk.js';
import { Entry } from '../delivery/lane.js';
import { pieceText, residentPiece, type Piece } from '../delivery/message-body.js';
import type { SenderCounts } from '../delivery/sender.js';
import type { DeliverySettings } from '../options.js';
import type { EmitterTransport } from '../transport.js';
import { lead, type Leadership } from './leadership.js';
import type { Pool, RelayRows, SettledRow } from './rows.js';

/** Rows in memory: read and not yet settled. */
const WINDOW_ROWS_MAX = 5_000;
const READ_ROWS_MAX = 1_000;
const SETTLE_ROWS_MAX = 1_000;
/** Rows are looked for this often even if no notification came. */
const POLL_MS = 1_000;
/** A relay that failed, or is on standby, tries again after this; the pause doubles. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5_000;

export interface RelayParts {
  readonly pool: Pool;
  readonly rows: RelayRows;
  readonly source: string;
  readonly transport: EmitterTransport;
  readonly settings: DeliverySettings;
  readonly lockName: string;
  readonly channel: string;
  readonly gatherMs?: number;
}

export interface RelayStats extends SenderCounts, DeliveryCounts {
  /** This process is the one that relays. */
  readonly active: boolean;
}

/** Sends the outbox's rows, oldest first, until each has its receipt or refusal. One relay works at a time. */
export class Relay {
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #session: RelaySession | undefined;

  constructor(readonly parts: RelayParts) {
    this.#running = this.#run();
  }

  get stats(): RelayStats | undefined {
    const delivery = this.#session?.delivery;
    return delivery && { active: true, ...delivery.sender.counts, ...delivery.counts };
  }

  wake(): boolean {
    this.#session?.wake();
    return this.#session !== undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { pool, lockName, channel, settings } = this.parts;
    let pauseMs = RETRY_MS_MIN;
    while (!this.#closing.signal.aborted) {
      try {
        const leadership = await lead(pool, lockName, channel, () => this.#session?.wake());
        if (leadership !== undefined) {
          pauseMs = RETRY_MS_MIN;
          await this.#relayUntilLost(leadership);
        }
      } catch (error) {
        settings.log.warn({ err: error }, 'outbox relay failed; it will start again');
      }
      await sleep(pauseMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX);
    }
  }

  async #relayUntilLost(leadership: Leadership): Promise<void> {
    const session = new RelaySession(this.parts);
    this.#session = session;
    try {
      await session.run(AbortSignal.any([leadership.lost, this.#closing.signal]));
    } finally {
      this.#session = undefined;
      session.delivery.stop();
      leadership.release();
    }
  }
}

/** One time of leadership. What it had in memory is read again by the next. */
class RelaySession {
  readonly delivery: Delivery;
  #settled: SettledRow[] = [];
  #inMemory = 0;
  #position = 0;
  #wake: () => void = () => undefined;

  constructor(readonly parts: RelayParts) {
    this.delivery = new Delivery(parts.source, parts.transport, parts.settings, {
      load: (entries) => Promise.resolve(entries.map(residentPiece)),
      confirmed: () => undefined,
      release: (entry, receipt) => this.#release(entry, receipt),
      keepRefused: (refused) => this.#keepRefused(refused),
      cleared: () => this.wake(),
    });
  }

  wake(): void {
    this.#wake();
  }

  async run(ended: AbortSignal): Promise<void> {
    const { gatherMs = 0 } = this.parts;
    ended.addEventListener('abort', () => this.wake());
    while (!ended.aborted) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const more = await this.#read();
      await this.#settle();
      if (more || this.#settled.length > 0) continue;
      await Promise.race([woken, sleep(POLL_MS, undefined, { ref: false })]);
      if (gatherMs > 0) await sleep(gatherMs, undefined, { ref: false, signal: ended }).catch(() => undefined);
    }
    await this.#settle();
  }

  /** Returns whether there may be more to read at once. */
  async #read(): Promise<boolean> {
    const limit = Math.min(READ_ROWS_MAX, WINDOW_ROWS_MAX - this.#inMemory);
    if (limit <= 0) return false;
    const rows = await this.parts.rows.unsettled(this.#position, limit);
    for (const row of rows) {
      const lane = this.delivery.sender.lane(row.tenant);
      const entry = new Entry(lane, row.id, row.position);
      const buffer = Buffer.from(`${row.event}\n`);
      entry.traceparent = row.traceparent;
      entry.place(new Chunk(buffer, undefined), 0, buffer.length - 1);
      lane.entryById.set(row.id, entry);
      this.delivery.sender.push(entry);
      this.#position = row.position;
    }
    this.#inMemory += rows.length;
    this.delivery.sender.pump();
    return rows.length === limit && this.#inMemory < WINDOW_ROWS_MAX;
  }

  async #settle(): Promise<void> {
    while (this.#settled.length > 0) {
      const part = this.#settled.splice(0, SETTLE_ROWS_MAX);
      await this.parts.rows.settle(part);
      this.#inMemory -= part.length;
    }
  }

  #release(entry: Entry, receipt: Receipt | undefined): void {
    if (receipt === undefined) this.#inMemory--;
    else this.#settled.push({ position: positionOf(entry), receipt });
  }

  async #keepRefused(refused: readonly RefusedEntry[]): Promise<void> {
    await this.parts.rows.refuse(refused.map(({ entry, refusal }) => ({ position: positionOf(entry), refusal })));
    const { onRefused, log } = this.parts.settings;
    for (const { entry, refusal } of refused) {
      try {
        onRefused(refusal, pieceText(entry, residentPiece(entry) as Piece));
      } catch (error) {
        log.error({ err: error }, 'onRefused threw');
      }
    }
  }
}

/** A row's entry carries its position where an emitter's carries the sequence: both are the order of sending. */
function positionOf(entry: Entry): number {
  return entry.sequence as number;
}

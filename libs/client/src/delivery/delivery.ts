import type { Receipt } from '@countersign/chain';
import { receiptSubject, refusedSubject, type Refusal } from '@countersign/contracts';
import { RefusedError } from '../errors.js';
import type { DeliverySettings } from '../options.js';
import type { EmitterTransport } from '../transport.js';
import type { Batch, Entry } from './lane.js';
import type { Piece } from './message-body.js';
import { parseReceipts, parseRefusals } from './receipts.js';
import { Sender } from './sender.js';

export interface RefusedEntry {
  readonly entry: Entry;
  readonly refusal: Refusal;
}

/** What the owner of the durable copy of the events must do. */
export interface DeliveryDuties {
  /** Finds or reads back the JSON of entries, in order; undefined for what was cleared meanwhile or cannot be read any more. */
  load(entries: readonly Entry[]): Promise<(Piece | undefined)[]>;
  /** The bus confirmed a message; nothing may be cleared for it. */
  confirmed(batch: Batch): void;
  /** The entry is cleared: its durable copy may go. Without a receipt it was refused, or its copy proved unreadable. */
  release(entry: Entry, receipt: Receipt | undefined): void;
  /** Keeps refused events; durable on return. If it rejects, the events stay pending and are refused again later. */
  keepRefused(refused: readonly RefusedEntry[]): Promise<void>;
  /** Called once after each group of cleared entries. */
  cleared(): void;
}

export interface DeliveryCounts {
  receipted: number;
  /** Of `receipted`: had been recorded before. */
  repeated: number;
  refused: number;
  /** Lost by damage to the durable copy. */
  unreadable: number;
}

/** Brings durable entries to the ledger: sends until a receipt or a refusal comes, and nothing else ends an entry. */
export class Delivery {
  readonly sender: Sender;
  readonly counts: DeliveryCounts = { receipted: 0, repeated: 0, refused: 0, unreadable: 0 };
  readonly #refusing = new Set<Entry>();
  readonly #stopSubscriptions: readonly (() => void)[];

  constructor(
    source: string,
    readonly transport: EmitterTransport,
    readonly settings: DeliverySettings,
    readonly duties: DeliveryDuties,
  ) {
    this.sender = new Sender(source, transport, settings, {
      load: (entries) => duties.load(entries),
      confirmed: (batch) => duties.confirmed(batch),
      unreadable: (entry) => this.#unreadable(entry),
    });
    // Before the first publish on the same connection, so that no receipt is missed.
    this.#stopSubscriptions = [
      transport.subscribe(receiptSubject(source), (body) => this.#onReceipts(body)),
      transport.subscribe(refusedSubject(source), (body) => {
        this.#onRefusals(body).catch((error: unknown) => settings.log.error({ err: error }, 'refusals could not be handled'));
      }),
    ];
  }

  stop(): void {
    this.sender.stop();
    for (const stop of this.#stopSubscriptions) stop();
  }

  #onReceipts(body: Uint8Array): void {
    const batch = parseReceipts(body);
    if (batch === undefined) {
      this.settings.log.warn({ bytes: body.byteLength }, 'unreadable receipt message ignored');
      return;
    }
    let cleared = 0;
    const nowMs = performance.now();
    for (const receipt of batch.recorded) if (this.#receipted(receipt, false, nowMs)) cleared++;
    for (const receipt of batch.repeated) if (this.#receipted(receipt, true, nowMs)) cleared++;
    if (cleared > 0) this.#afterClear();
  }

  /** Other producers share the subject: a receipt for an event that is not pending here is none of ours. */
  #receipted(receipt: Receipt, repeated: boolean, nowMs: number): boolean {
    const entry = this.#pending(receipt.tenant, receipt.id);
    if (entry === undefined) return false;
    this.counts.receipted++;
    if (repeated) this.counts.repeated++;
    this.sender.clear(entry, nowMs);
    this.duties.release(entry, receipt);
    entry.outcome?.(receipt, repeated);
    return true;
  }

  async #onRefusals(body: Uint8Array): Promise<void> {
    const refusals = parseRefusals(body);
    if (refusals === undefined) {
      this.settings.log.warn({ bytes: body.byteLength }, 'unreadable refusal message ignored');
      return;
    }
    const refused: RefusedEntry[] = [];
    for (const refusal of refusals) {
      const entry = refusal.id === undefined ? undefined : this.#pending(refusal.tenant, refusal.id);
      if (entry === undefined || this.#refusing.has(entry)) continue;
      this.#refusing.add(entry);
      refused.push({ entry, refusal });
    }
    if (refused.length === 0) return;
    try {
      await this.duties.keepRefused(refused);
      this.#clearRefused(refused);
    } catch (error) {
      this.settings.log.error({ err: error, events: refused.length }, 'refused events could not be kept; they stay in the queue');
    } finally {
      for (const { entry } of refused) this.#refusing.delete(entry);
    }
  }

  #clearRefused(refused: readonly RefusedEntry[]): void {
    const nowMs = performance.now();
    for (const { entry, refusal } of refused) {
      if (entry.cleared) continue;
      this.counts.refused++;
      this.settings.log.error({ eventId: entry.id, tenant: refusal.tenant, code: refusal.code, field: refusal.field }, 'event refused by the ledger');
      this.sender.clear(entry, nowMs);
      this.duties.release(entry, undefined);
      entry.outcome?.(new RefusedError(refusal.code, refusal.message, refusal.field), false);
    }
    this.#afterClear();
  }

  /** Only damage to the durable copy ends an entry without the ledger's word; the ledger will see a gap in the numbers. */
  #unreadable(entry: Entry): void {
    this.counts.unreadable++;
    this.settings.log.error({ eventId: entry.id, sequence: entry.sequence }, 'event cannot be read back and is lost');
    this.sender.clear(entry, performance.now());
    this.duties.release(entry, undefined);
    entry.outcome?.(new RefusedError('EVENT_UNREADABLE', 'the event was damaged before it was sent'), false);
    this.duties.cleared();
  }

  #pending(tenant: string, id: string): Entry | undefined {
    const entry = this.sender.lanes.get(tenant)?.entryById.get(id);
    return entry?.durable === true ? entry : undefined;
  }

  #afterClear(): void {
    this.sender.pump();
    this.duties.cleared();
  }
}

import { ChainFault, type AdmittedEvent, type Receipt } from '@countersign/chain';
import type { Refusal } from '@countersign/contracts';
import type { AccountedSequence, QuarantineRow } from './append-store.js';
import type { Batch, Recorded } from './batch.js';
import { isSameEvent, type SentDigests } from './content-digest.js';
import type { Admission } from './intake-message.js';
import { maskEvent } from './masked-events.js';
import type { MessageParts } from './sealed-parts.js';
import { storedRefusal } from './stored-refusal.js';
import type { StoredPart } from './stored-part.js';
import { isKeysAway } from '../keys/keys-away.js';

/** A message on its way through the append flow. Until its turn comes it is nothing but its bytes. */
export interface PendingMessage {
  readonly subject: string;
  readonly source: string;
  readonly body: Uint8Array;
  /** Its personal parts as they are stored; undefined where no key service is and they are salted only. */
  readonly sealed: MessageParts | undefined;
  /** Sent before, by the bus or by its producer: its ids are looked up first. */
  readonly redelivered: boolean;
  /** What its producer says of the trace that it belongs to; anything. */
  readonly traceparent?: string | undefined;
  /** Reads and checks the body, anew each time: kept until the commit, thousands of events would outlive their use. */
  admit(): Iterable<Admission>;
  /** Tells the bus that it need not send this again. */
  ack(): void;
  /** Gives it back, to come again later: something of it could not be settled now. `why` tells whether that is soon. */
  putBack(why?: unknown): void;
}

/** What one message comes to once its batch is committed. */
export interface Settlement {
  readonly recorded: Receipt[];
  readonly repeated: Receipt[];
  readonly refusals: Refusal[];
  readonly quarantine: QuarantineRow[];
  readonly accounted: AccountedSequence[];
  /** Why not all of it could be settled: what it refuses could not be kept, or a key was not at hand any more. It comes again. */
  putOff: { readonly why: unknown } | undefined;
}

/** Ids on record outside the batch being built: of the batch in flight, lately committed, or looked up. */
export type OnRecord = (eventId: string) => Recorded | undefined;

/** Events decided in one turn of the event loop: some milliseconds of work. */
const EVENTS_A_TURN = 100;

export function emptySettlement(): Settlement {
  return { recorded: [], repeated: [], refusals: [], quarantine: [], accounted: [], putOff: undefined };
}

/** What was recorded of it stays; nothing of it is refused until it comes again. */
export function putOff(settlement: Settlement, why: unknown): void {
  settlement.putOff = { why };
  settlement.refusals.length = 0;
  settlement.quarantine.length = 0;
}

/**
 * Chains a message's new events into `batch` and decides every other one, filling `settlement`. Yields where the event
 * loop should get its turn. Calls nothing but its arguments.
 */
export function* settle(message: PendingMessage, settlement: Settlement, batch: Batch, onRecord: OnRecord, tenant: string): Generator<void> {
  yield;
  let events = 0;
  for (const admission of message.admit()) {
    // The first time when the whole body was read: half a megabyte of JSON is a turn's work by itself.
    if (events % EVENTS_A_TURN === 0) yield;
    events += 1;
    if ('refused' in admission) refuse(settlement, message.subject, tenant, admission.refused, { eventId: admission.eventId, body: admission.body });
    else {
      const parts = partsOf(message, events - 1, admission.admitted);
      if ('why' in parts) return putOff(settlement, parts.why);
      settleOne(admission.admitted, admission.digests, parts.stored, { message, settlement, batch, onRecord, tenant });
    }
  }
}

/** The event's personal parts as they are stored; or why that has to wait. */
function partsOf({ sealed }: PendingMessage, place: number, admitted: AdmittedEvent): { readonly stored: readonly StoredPart[] | undefined } | { readonly why: unknown } {
  try {
    return { stored: sealed?.ofEvent(place, admitted) };
  } catch (error) {
    if (isKeysAway(error)) return { why: error };
    throw error;
  }
}

interface Settling {
  readonly message: PendingMessage;
  readonly settlement: Settlement;
  readonly batch: Batch;
  readonly onRecord: OnRecord;
  readonly tenant: string;
}

function settleOne(admitted: AdmittedEvent, digests: SentDigests, parts: readonly StoredPart[] | undefined, { message, settlement, batch, onRecord, tenant }: Settling): void {
  const { id } = admitted.event;
  const earlier = batch.recorded.get(id) ?? onRecord(id);
  try {
    if (earlier === undefined) settlement.recorded.push(batch.add(admitted, digests, parts).receipt);
    else settlement.repeated.push(retry(earlier, digests, parts));
    if (earlier !== undefined) account(settlement, admitted);
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    const kept = parts === undefined || parts.length === 0 ? { body: Buffer.from(JSON.stringify(admitted.event)) } : maskEvent(admitted.event, parts);
    refuse(settlement, message.subject, tenant, fault, { eventId: id, ...kept });
    account(settlement, admitted);
  }
}

/** The receipt of an event sent again. Throws EVENT_ID_REUSED when it is another event under the same id. */
function retry(earlier: Recorded, digests: SentDigests, parts: readonly StoredPart[] | undefined): Receipt {
  if (earlier.contentDigest !== undefined && !isSameEvent(earlier.contentDigest, digests, parts)) {
    throw new ChainFault('EVENT_ID_REUSED', 'id is on record with other content', { field: 'id' });
  }
  return earlier.receipt;
}

function refuse(
  settlement: Settlement,
  subject: string,
  tenant: string,
  fault: ChainFault,
  kept: Pick<QuarantineRow, 'eventId' | 'body' | 'identity'>,
): void {
  const { code, message, detail } = fault;
  const { eventId, ...body } = kept;
  settlement.refusals.push({ id: eventId, tenant, code, field: detail.field, message });
  settlement.quarantine.push({ ...storedRefusal(subject, eventId, fault), ...body });
}

function account(settlement: Settlement, admitted: AdmittedEvent): void {
  const { producer, source } = admitted.event;
  if (producer !== undefined) {
    settlement.accounted.push({ source, producerId: producer.id, sequence: producer.sequence });
  }
}

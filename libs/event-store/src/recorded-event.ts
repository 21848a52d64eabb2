import type { Event } from '@countersign/chain';
import { EventStoreFault } from './fault.js';
import type { SealedPart } from './personal.js';

/** An event of a stream, as it is stored: personal parts are sealed. */
export interface RecordedEvent extends Omit<Event, 'personal' | 'producer'> {
  readonly stream: string;
  /** 1 for the first event of the stream, without gaps. */
  readonly version: number;
  readonly personal?: readonly SealedPart[];
}

export interface EventRow {
  readonly tenant: string;
  readonly event_id: string;
  /** Canonical JSON of the event without `personal` and `producer`. */
  readonly event: string;
  readonly personal: readonly SealedPart[] | null;
}

/** Throws STREAM_DAMAGED. */
export function recordedFromRow(row: EventRow, stream: string, version: number): RecordedEvent {
  let event: Omit<Event, 'personal' | 'producer'>;
  try {
    event = JSON.parse(row.event) as typeof event;
  } catch (error) {
    throw new EventStoreFault('STREAM_DAMAGED', 'an event of the stream cannot be read', undefined, { cause: error });
  }
  return { ...event, stream, version, ...(row.personal === null ? {} : { personal: row.personal }) };
}

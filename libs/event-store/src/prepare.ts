import { admitEvent, ChainFault, EVENT_BYTES_MAX, type ActorType, type AdmittedEvent } from '@countersign/chain';
import { sampledTraceparent } from '@countersign/trace-context';
import type { DomainEvent } from './aggregate.js';
import { EventStoreFault, type EventStoreFaultCode } from './fault.js';
import type { ClearPart, Personal, SealedPart } from './personal.js';

/** Events of one append. */
export const APPEND_EVENTS_MAX = 500;
/** `,"producer":{"id":"<source>-<16 digits>","sequence":<16 digits>}` */
const NUMBER_BYTES_MAX = 144;

/** Who did it and in which course: the same for every event of a decision. */
export interface Cause {
  readonly actor: { readonly type: ActorType; readonly id: string };
  readonly correlationId?: string;
}

/** An event that the ledger's rules admit, ready to be stored. */
export interface PreparedEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  /** Canonical JSON (RFC 8785) without `personal` and `producer`. */
  readonly content: string;
  readonly personal: readonly SealedPart[] | undefined;
  /** Of the trace that it is decided in, if that is recorded. */
  readonly traceparent: string | undefined;
}

export interface Origin {
  readonly source: string;
  readonly newId: () => string;
  readonly nowIso: () => string;
  readonly personal: Personal;
}

/**
 * Applies the ledger's rules to what was decided and seals the personal parts, all before a transaction is opened:
 * clear text never comes near the database. Throws EVENT_*, EVENTS_TOO_MANY, PERSONAL_*.
 */
export async function prepare(origin: Origin, tenant: string, events: readonly DomainEvent[], cause: Cause): Promise<PreparedEvent[]> {
  if (events.length > APPEND_EVENTS_MAX) throw new EventStoreFault('EVENTS_TOO_MANY', `at most ${APPEND_EVENTS_MAX} events an append`);
  const time = origin.nowIso();
  const traceparent = sampledTraceparent();
  const admitted = events.map((event) => admitDecided(origin, tenant, event, cause, time));
  const sealed = (await origin.personal.seal(tenant, admitted.flatMap(({ parts }) => parts))).values();
  return admitted.map(({ id, type, content, parts }) => ({
    id, type, time, content, traceparent,
    personal: parts.length === 0 ? undefined : parts.map(() => sealed.next().value as SealedPart),
  }));
}

interface Decided extends Pick<PreparedEvent, 'id' | 'type' | 'content'> {
  readonly parts: readonly ClearPart[];
}

function admitDecided({ source, newId }: Origin, tenant: string, decided: DomainEvent, cause: Cause, time: string): Decided {
  const id = newId();
  const { type, data, personal, severity = 'info', outcome = 'success', resource } = decided;
  const event = { id, type, source, tenant, time, severity, outcome, actor: cause.actor, resource, correlationId: cause.correlationId, data };
  const whole = admit({ ...event, personal }, source, tenant);
  // A UTF-16 unit is at most 3 bytes of UTF-8: most events need no count.
  if (whole.content.length * 3 + NUMBER_BYTES_MAX > EVENT_BYTES_MAX && Buffer.byteLength(whole.content) + NUMBER_BYTES_MAX > EVENT_BYTES_MAX) {
    throw new EventStoreFault('EVENT_TOO_LARGE', `an event is at most ${EVENT_BYTES_MAX} bytes of JSON with its producer's number`);
  }
  if (personal === undefined) return { id, type, content: whole.content, parts: [] };
  const parts = whole.personal.map((json, at) => ({ eventId: id, at, subject: personal[at]!.subject, json }));
  return { id, type, content: admit(event, source, tenant).content, parts };
}

function admit(event: object, source: string, tenant: string): AdmittedEvent {
  try {
    return admitEvent(event, { source, tenant });
  } catch (error) {
    if (error instanceof ChainFault) throw new EventStoreFault(error.code as EventStoreFaultCode, error.message, error.detail.field);
    throw error;
  }
}

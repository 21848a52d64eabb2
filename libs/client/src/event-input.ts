import { admitEvent, ChainFault, EVENT_BYTES_MAX, type Address, type Event, type Outcome, type Severity } from '@countersign/chain';
import { EmitError, type EmitErrorCode } from './errors.js';

/**
 * An event as a service gives it. The limits are those of docs/spec/ledger-format.md, "Event".
 * `personal` is the only place for facts about a person; `data` must hold none.
 */
export interface EmitInput extends Pick<Event, 'tenant' | 'type' | 'actor' | 'resource' | 'correlationId' | 'data' | 'personal'> {
  /** Default: a fresh UUID version 7. Give one of your own only where the same fact must not be recorded twice. */
  readonly id?: string;
  /** RFC 3339 UTC; default now. */
  readonly time?: string;
  /** Default `info`. */
  readonly severity?: Severity;
  /** Default `success`. */
  readonly outcome?: Outcome;
  /** False leaves out the producer's number: for imports of records that carry an id of their own. Default true. */
  readonly numbered?: boolean;
}

/** An event that the ledger's rules admit, in the bytes that will be spooled and sent, but for the producer's number. */
export interface PreparedEvent {
  readonly id: string;
  readonly tenant: string;
  readonly numbered: boolean;
  /** Canonical JSON (RFC 8785) without `producer`. */
  readonly content: string;
}

const INPUT_FIELDS = new Set([
  'tenant', 'type', 'actor', 'resource', 'correlationId', 'data', 'personal', 'id', 'time', 'severity', 'outcome', 'numbered',
]);

/** Fills in defaults and applies the rules that the ledger applies. Throws EmitError EVENT_*. */
export function prepareEvent(
  input: EmitInput,
  source: string,
  newId: () => string,
  nowIso: () => string,
): PreparedEvent {
  if (typeof input !== 'object' || input === null) throw new EmitError('EVENT_NOT_OBJECT', 'an event must be an object');
  for (const name in input) if (!INPUT_FIELDS.has(name)) throw unknownField(name);
  const event = {
    id: input.id ?? newId(),
    type: input.type,
    source,
    tenant: input.tenant,
    time: input.time ?? nowIso(),
    severity: input.severity ?? 'info',
    outcome: input.outcome ?? 'success',
    actor: input.actor,
    resource: input.resource,
    correlationId: input.correlationId,
    data: input.data,
    personal: input.personal,
  };
  return { id: event.id, tenant: event.tenant, numbered: input.numbered !== false, content: admit(event, { source, tenant: event.tenant }) };
}

function unknownField(name: string): EmitError {
  const shown = name.slice(0, 64);
  return new EmitError('EVENT_FIELD_UNKNOWN', `${shown} is not a field of an event`, shown);
}

function admit(event: object, address: Address): string {
  try {
    return admitEvent(event, address).content;
  } catch (error) {
    if (error instanceof ChainFault) throw new EmitError(error.code as EmitErrorCode, error.message, error.detail.field);
    throw error;
  }
}

/** The text that replaces the closing brace of `content` when the event is numbered. `quotedProducer` is a JSON string. */
export function numberText(quotedProducer: string, sequence: number): string {
  return `,"producer":{"id":${quotedProducer},"sequence":${sequence}}}`;
}

/** Above this the size is counted, below it is only bounded. */
const COUNTED_BYTES_MIN = 16 * 1024;

/** Throws EmitError EVENT_TOO_LARGE if the event with its number could be too large. Returns the most bytes that it can take. */
export function eventBytesMax(content: string, numberBytesMax: number): number {
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  const bound = content.length * 3 + numberBytesMax;
  if (bound < COUNTED_BYTES_MIN) return bound;
  const bytes = Buffer.byteLength(content) + numberBytesMax;
  if (bytes > EVENT_BYTES_MAX) {
    throw new EmitError('EVENT_TOO_LARGE', `an event is at most ${EVENT_BYTES_MAX} bytes of JSON with its producer's number`);
  }
  return bytes;
}

/** A clock that writes RFC 3339 UTC with milliseconds and formats each millisecond once. */
export function isoClock(clock: () => number): () => string {
  let lastMs = Number.NaN;
  let lastIso = '';
  return () => {
    const nowMs = clock();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      lastIso = new Date(nowMs).toISOString();
    }
    return lastIso;
  };
}

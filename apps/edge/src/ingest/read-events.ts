import { admitEvent, ChainFault, type JsonObject } from '@countersign/chain';
import { eventFromCloudEvent, HTTP_SOURCE, isCloudEvent } from '@countersign/contracts';
import { EdgeFault } from '../http/edge-fault.js';
import { parseBody } from '../http/i-json.js';

/** Media types of POST /v1/events. */
export const EVENT_TYPES = ['application/json', 'application/x-ndjson', 'application/cloudevents+json', 'application/cloudevents-batch+json'] as const;
export const EVENTS_MAX = 500;

/** Whose key it is: what it sends is its own, in the ledger of its organisation. */
export interface Sender {
  /** Name of the service account. */
  readonly service: string;
  readonly tenant: string;
}

/** One event that the ledger's rules admit, or why not. */
export type ReadEvent =
  | { readonly id: string; /** Canonical JSON. */ readonly content: string }
  | { readonly id: string | undefined; readonly code: string; readonly field: string | undefined; readonly detail: string };

const LINE_BREAK = 0x0a;
/** Space, tab, carriage return. */
const BLANKS: ReadonlySet<number> = new Set([0x20, 0x09, 0x0d]);
const ACTORS_OF_OTHERS = new Set(['service', 'api-key', 'system']);

/** The events of a body, in order, judged one by one. Throws EdgeFault BODY_MALFORMED, EVENTS_TOO_MANY about the body as a whole. */
export function readEvents(mediaType: string, bytes: Uint8Array, sender: Sender): ReadEvent[] {
  const values = /^application\/x-ndjson\b/i.test(mediaType) ? linesOf(bytes) : valuesOf(parseBody(bytes));
  if (values.length === 0) throw new EdgeFault('BODY_MALFORMED', 'the body holds no event');
  if (values.length > EVENTS_MAX) throw new EdgeFault('EVENTS_TOO_MANY', `a request carries at most ${EVENTS_MAX} events`);
  return values.map((value) => readEvent(value, sender));
}

/** A line that is no JSON, with what is wrong with it. */
class Unreadable {
  constructor(readonly why: string) {}
}

const valuesOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** A byte of a line break is part of no other character in UTF-8. */
function linesOf(bytes: Uint8Array): unknown[] {
  const lines: unknown[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(LINE_BREAK, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end);
    start = end === -1 ? bytes.length : end + 1;
    if (!line.every((byte) => BLANKS.has(byte))) lines.push(lineOf(line));
    // What is too much is not read to its end.
    if (lines.length > EVENTS_MAX) break;
  }
  return lines;
}

function lineOf(line: Uint8Array): unknown {
  try {
    return parseBody(line);
  } catch (error) {
    if (error instanceof EdgeFault) return new Unreadable(error.message);
    throw error;
  }
}

function readEvent(value: unknown, sender: Sender): ReadEvent {
  try {
    if (value instanceof Unreadable) throw new ChainFault('EVENT_NOT_OBJECT', `the line is no event: ${value.why}`);
    const { event, content } = admitEvent(eventOf(value, sender), { source: HTTP_SOURCE, tenant: sender.tenant });
    requireOwn(event.type, event.actor, sender);
    return { id: event.id, content };
  } catch (fault) {
    if (fault instanceof ChainFault) return { id: idOf(value), code: fault.code, field: fault.detail.field, detail: fault.message };
    throw fault;
  }
}

/**
 * The event with what goes without saying. Nothing that would be another at the second attempt is filled in: the same request makes the same
 * content, and so gets the same receipt.
 */
function eventOf(value: unknown, { service, tenant }: Sender): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (isCloudEvent(value)) {
    const event = eventFromCloudEvent(value, { source: service, tenant });
    return { ...event, source: HTTP_SOURCE, type: `${HTTP_SOURCE}.${String(event['type'])}` };
  }
  const event = value as JsonObject;
  // Numbers are of producers that the bus knows: of this one there are many.
  if (event['producer'] !== undefined) throw new ChainFault('EVENT_FIELD_UNKNOWN', 'producer is not a field of an event over HTTP', { field: 'producer' });
  return { source: HTTP_SOURCE, tenant, severity: 'info', outcome: 'success', actor: { type: 'service', id: service }, ...event };
}

/** Nobody speaks for another service, and nobody for the platform. Throws ChainFault EVENT_SOURCE_MISMATCH. */
function requireOwn(type: string, actor: { readonly type: string; readonly id: string }, { service }: Sender): void {
  const prefix = `${HTTP_SOURCE}.${service}.`;
  const rest = type.startsWith(prefix) ? type.slice(prefix.length).split('.') : [];
  if (rest.length < 2) throw new ChainFault('EVENT_SOURCE_MISMATCH', `type must be ${prefix}<noun>.<verb-past>`, { field: 'type' });
  const isOwn = !ACTORS_OF_OTHERS.has(actor.type) || (actor.type === 'service' && actor.id === service);
  if (!isOwn) throw new ChainFault('EVENT_SOURCE_MISMATCH', `actor must be a user, or the service ${service}`, { field: 'actor' });
}

/** The id that a refused event claims, if it is one that its sender could look for. */
function idOf(value: unknown): string | undefined {
  const id = (value as { id?: unknown } | null)?.id;
  return typeof id === 'string' && id.length <= 256 ? id : undefined;
}

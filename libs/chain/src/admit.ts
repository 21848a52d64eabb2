import {
  ACTOR_TYPES,
  EVENT_BYTES_MAX,
  OPAQUE_ID_CHARS_MAX,
  OUTCOMES,
  PERSONAL_PARTS_MAX,
  SEVERITIES,
  SOURCE_PATTERN,
  TENANT_PATTERN,
  TYPE_CHARS_MAX,
  TYPE_PATTERN,
  UUID_PATTERN,
  type Event,
  type JsonValue,
} from './event.js';
import { ChainFault } from './fault.js';
import { jcs, jcsString } from './jcs.js';
import { isUtcTime } from './utc-time.js';

/** Where an event arrived: the tokens of its subject, which the bus has authenticated. */
export interface Address {
  readonly source: string;
  readonly tenant: string;
}

/** An event that passed every rule, with the canonical JSON of its fields, encoded once and used three times. */
export interface AdmittedEvent {
  readonly event: Event;
  /** `{"actor":…` and, if present, `,"correlationId":…` */
  readonly opening: string;
  /** `,"producer":…` or nothing */
  readonly producer: string;
  /** `,"resource":…` or nothing */
  readonly resource: string;
  /** `,"severity":…` to `"type":…` */
  readonly closing: string;
  /** Canonical `data`, if present. */
  readonly data: string | undefined;
  /** Canonical `data` of each personal part, in order. */
  readonly personal: readonly string[];
  /** Canonical JSON of the whole event without `producer`: what a retry under the same id must equal. */
  readonly content: string;
  /** The same without `personal`. */
  readonly facts: string;
}

/** The personal parts of an event that is not admitted yet. */
export interface ClearParts {
  readonly eventId: string;
  /** `json` is the canonical JSON of the part's `data`. */
  readonly parts: readonly { readonly subject: string; readonly json: string }[];
}

type Fields = Readonly<Record<string, unknown>>;

const KNOWN = new Set([
  'id', 'type', 'source', 'tenant', 'time', 'severity', 'outcome', 'actor', 'resource', 'correlationId', 'producer', 'data', 'personal',
]);
const REFERENCE_FIELDS = new Set(['type', 'id']);
const PRODUCER_FIELDS = new Set(['id', 'sequence']);
const PERSONAL_FIELDS = new Set(['subject', 'data']);
const CONTROL = /\p{Cc}/u;
/** Printable ASCII but quotation mark, backslash and at sign: needs no escape and can be no email address. */
const PLAIN_ID = new RegExp(`^[ !#-?A-[\\]-~]{1,${OPAQUE_ID_CHARS_MAX}}$`);
const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

/**
 * Checks a parsed JSON value against every rule of docs/spec/ledger-format.md, "Event".
 * Throws ChainFault (EVENT_*) that names the field and the rule; values are never echoed, they may be personal.
 */
export function admitEvent(value: unknown, address: Address): AdmittedEvent {
  if (!isObject(value)) throw new ChainFault('EVENT_NOT_OBJECT', 'an event must be a JSON object');
  refuseUnknown(value, KNOWN, '');
  pattern(value, 'id', UUID_PATTERN, 'must be a lower-case UUID other than nil');
  pattern(value, 'source', SOURCE_PATTERN, 'must be 1 to 63 of a-z, 0-9 and hyphen');
  pattern(value, 'tenant', TENANT_PATTERN, 'must be 1 to 63 of a-z, 0-9 and hyphen');
  if (value['source'] !== address.source) {
    throw new ChainFault('EVENT_SOURCE_MISMATCH', 'source must equal the source token of the subject', { field: 'source' });
  }
  if (value['tenant'] !== address.tenant) {
    throw new ChainFault('EVENT_TENANT_MISMATCH', 'tenant must equal the tenant token of the subject', { field: 'tenant' });
  }
  admitType(value);
  const { time } = value;
  if (time === undefined) missing('time');
  if (typeof time !== 'string' || !isUtcTime(time)) invalid('time', 'must be RFC 3339 UTC, such as 2026-01-31T09:30:00.000Z');
  oneOf(value, 'severity', SEVERITIES);
  oneOf(value, 'outcome', OUTCOMES);
  const event = value as unknown as Event;
  const data = value['data'] === undefined ? undefined : jcsOfObject(value['data'], 'data');
  const { parts, canonical } = admitPersonal(value['personal']);
  const opening = encodeActor(value) + encodeCorrelationId(value);
  const producer = encodeProducer(value);
  const resource = encodeResource(value);
  // Patterns above leave nothing in these that JSON would escape.
  const closing =
    `,"severity":"${event.severity}","source":"${event.source}","tenant":"${event.tenant}","time":"${time}","type":"${event.type}"`;
  const before = opening + (data === undefined ? '' : `,"data":${data}`) + `,"id":"${event.id}","outcome":"${event.outcome}"`;
  const after = resource + closing + '}';
  const content = before + canonical + after;
  const facts = canonical === '' ? content : before + after;
  checkSize(content.length + producer.length, () => Buffer.byteLength(content) + Buffer.byteLength(producer));
  return { event, opening, producer, resource, closing, data, personal: parts, content, facts };
}

/**
 * The personal parts that {@link admitEvent} would find in a value, for who has to encrypt them beforehand: the same bytes
 * in the same order. Undefined where it has none. What it has and would be refused for may be undefined or not.
 */
export function clearPartsOf(value: unknown): ClearParts | undefined {
  if (!isObject(value) || value['personal'] === undefined) return undefined;
  const eventId = value['id'];
  if (typeof eventId !== 'string' || !UUID_PATTERN.test(eventId)) return undefined;
  try {
    const { parts } = admitPersonal(value['personal']);
    const { personal } = value as unknown as Required<Event>;
    return { eventId, parts: parts.map((json, i) => ({ subject: personal[i]!.subject, json })) };
  } catch (fault) {
    if (fault instanceof ChainFault) return undefined;
    throw fault;
  }
}

/** An event's size is that of its canonical JSON, so that white space and escapes change nothing. */
function checkSize(chars: number, bytes: () => number): void {
  // A UTF-16 unit is at most 3 bytes of UTF-8: most events need no count.
  if (chars * 3 <= EVENT_BYTES_MAX) return;
  if (chars > EVENT_BYTES_MAX || bytes() > EVENT_BYTES_MAX) {
    throw new ChainFault('EVENT_TOO_LARGE', `an event is at most ${EVENT_BYTES_MAX} bytes of canonical JSON`);
  }
}

function admitType(value: Fields): void {
  pattern(value, 'type', TYPE_PATTERN, 'must be dotted lower-case words: <source>.<noun>.<verb-past>');
  const type = value['type'] as string;
  if (type.length > TYPE_CHARS_MAX) invalid('type', `must have at most ${TYPE_CHARS_MAX} characters`);
  const source = value['source'] as string;
  if (!type.startsWith(source) || type[source.length] !== '.') invalid('type', 'must start with the source and a dot');
}

function encodeActor(value: Fields): string {
  const actor = object(value, 'actor');
  refuseUnknown(actor, REFERENCE_FIELDS, 'actor.');
  oneOf(actor, 'type', ACTOR_TYPES, 'actor.');
  return `{"actor":{"id":${opaqueId(actor, 'id', 'actor.')},"type":"${actor['type'] as string}"}`;
}

function encodeCorrelationId(value: Fields): string {
  return value['correlationId'] === undefined ? '' : `,"correlationId":${opaqueId(value, 'correlationId')}`;
}

function encodeResource(value: Fields): string {
  if (value['resource'] === undefined) return '';
  const resource = object(value, 'resource');
  refuseUnknown(resource, REFERENCE_FIELDS, 'resource.');
  return `,"resource":{"id":${opaqueId(resource, 'id', 'resource.')},"type":${opaqueId(resource, 'type', 'resource.')}}`;
}

function encodeProducer(value: Fields): string {
  if (value['producer'] === undefined) return '';
  const producer = object(value, 'producer');
  refuseUnknown(producer, PRODUCER_FIELDS, 'producer.');
  const id = opaqueId(producer, 'id', 'producer.');
  const sequence = producer['sequence'];
  if (sequence === undefined) missing('producer.sequence');
  if (!Number.isSafeInteger(sequence) || (sequence as number) < 1) {
    invalid('producer.sequence', 'must be a whole number from 1 to 2^53-1');
  }
  return `,"producer":{"id":${id},"sequence":${sequence as number}}`;
}

function admitPersonal(value: unknown): { parts: readonly string[]; canonical: string } {
  if (value === undefined) return { parts: [], canonical: '' };
  if (!Array.isArray(value)) invalid('personal', 'must be a list of {subject, data}');
  const items = value as readonly unknown[];
  if (items.length === 0 || items.length > PERSONAL_PARTS_MAX) {
    invalid('personal', `must hold 1 to ${PERSONAL_PARTS_MAX} parts`);
  }
  const parts: string[] = [];
  const whole: string[] = [];
  items.forEach((item, i) => {
    const at = `personal[${i}]`;
    if (!isObject(item)) invalid(at, 'must be an object {subject, data}');
    refuseUnknown(item, PERSONAL_FIELDS, `${at}.`);
    const subject = opaqueId(item, 'subject', `${at}.`);
    if (item['data'] === undefined) missing(`${at}.data`);
    const data = jcsOfObject(item['data'], `${at}.data`);
    parts.push(data);
    whole.push(`{"data":${data},"subject":${subject}}`);
  });
  return { parts, canonical: `,"personal":[${whole.join(',')}]` };
}

function jcsOfObject(value: unknown, field: string): string {
  if (!isObject(value)) invalid(field, 'must be a JSON object');
  return jcs(value as JsonValue, field);
}

/** Canonical JSON of an opaque identifier: short, printable, and never an email address. */
function opaqueId(fields: Fields, name: string, prefix = ''): string {
  const value = fields[name];
  if (typeof value === 'string' && PLAIN_ID.test(value)) return `"${value}"`;
  const id = text(fields, name, OPAQUE_ID_CHARS_MAX, prefix);
  if (EMAIL.test(id)) invalid(prefix + name, 'must be an opaque id, never an email address');
  return jcsString(id, prefix + name);
}

function text(fields: Fields, name: string, charsMax: number, prefix = ''): string {
  const value = fields[name];
  if (value === undefined) missing(prefix + name);
  if (typeof value !== 'string' || value.length === 0 || value.length > charsMax || CONTROL.test(value)) {
    invalid(prefix + name, `must be a string of 1 to ${charsMax} characters without control characters`);
  }
  return value;
}

function pattern(fields: Fields, name: string, allowed: RegExp, rule: string): void {
  const value = fields[name];
  if (value === undefined) missing(name);
  if (typeof value !== 'string' || !allowed.test(value)) invalid(name, rule);
}

function oneOf(fields: Fields, name: string, allowed: readonly string[], prefix = ''): void {
  const value = fields[name];
  if (value === undefined) missing(prefix + name);
  if (!allowed.includes(value as string)) invalid(prefix + name, `must be one of ${allowed.join(', ')}`);
}

function object(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (value === undefined) missing(name);
  if (!isObject(value)) invalid(name, 'must be an object');
  return value;
}

function refuseUnknown(fields: Fields, known: ReadonlySet<string>, prefix: string): void {
  for (const name in fields) {
    if (!known.has(name)) {
      const shown = prefix + JSON.stringify(name.slice(0, 64)).slice(1, -1);
      throw new ChainFault('EVENT_FIELD_UNKNOWN', `${shown} is not a field of an event`, { field: shown });
    }
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function missing(field: string): never {
  throw new ChainFault('EVENT_FIELD_MISSING', `${field} is required`, { field });
}

function invalid(field: string, rule: string): never {
  throw new ChainFault('EVENT_FIELD_INVALID', `${field} ${rule}`, { field });
}

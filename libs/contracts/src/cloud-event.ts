import { ChainFault, isUtcTime, sha256, type Address } from '@countersign/chain';

type Attributes = Readonly<Record<string, unknown>>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const OFFSET = /[+-](?:[01]\d|2[0-3]):[0-5]\d$/;
const MAPPED = new Set([
  'specversion', 'id', 'time', 'data', 'data_base64', 'severity', 'outcome', 'actortype', 'actorid',
  'resourcetype', 'resourceid', 'correlationid',
]);

/** Does this JSON value claim to be a CloudEvent (CloudEvents 1.0, JSON format, structured mode)? */
export function isCloudEvent(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && 'specversion' in value;
}

/**
 * Maps a structured-mode CloudEvent to an event, by the table in docs/spec/cloudevents.md. The result still has to be
 * admitted. Throws EVENT_FIELD_* for what CloudEvents itself requires.
 */
export function eventFromCloudEvent(attributes: Attributes, address: Address): Record<string, unknown> {
  if (attributes['specversion'] !== '1.0') fail('specversion', 'must be "1.0"');
  const id = required(attributes, 'id');
  const source = required(attributes, 'source');
  const type = required(attributes, 'type');
  const time = required(attributes, 'time');
  const event: Record<string, unknown> = {
    id: UUID.test(id) ? id.toLowerCase() : uuidOf(source, id),
    type: eventType(type, address.source),
    source: address.source,
    tenant: address.tenant,
    // CloudEvents allows any RFC 3339 offset; a ledger speaks UTC.
    time: utc(time),
    severity: attributes['severity'] ?? 'info',
    outcome: attributes['outcome'] ?? 'success',
    actor: { type: attributes['actortype'] ?? 'service', id: attributes['actorid'] ?? address.source },
    data: wrap(attributes),
  };
  if (attributes['correlationid'] !== undefined) event['correlationId'] = attributes['correlationid'];
  const resource = resourceOf(attributes);
  if (resource !== undefined) event['resource'] = resource;
  return event;
}

/** Attributes that have no field of their own, and the payload, as the event's `data`. */
function wrap(attributes: Attributes): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (MAPPED.has(name)) continue;
    requireAttributeName(name);
    kept[name] = value;
  }
  const data: Record<string, unknown> = { cloudEvent: { ...kept, id: attributes['id'] } };
  if (attributes['data'] !== undefined) data['payload'] = attributes['data'];
  if (attributes['data_base64'] !== undefined) data['payloadBase64'] = attributes['data_base64'];
  return data;
}

/** Lower-case letters and digits only (CloudEvents 1.0, "Naming conventions"); `__proto__` is thereby none. */
function requireAttributeName(name: string): void {
  if (/^[a-z0-9]+$/.test(name)) return;
  const shown = JSON.stringify(name.slice(0, 64)).slice(1, -1);
  throw new ChainFault('EVENT_FIELD_UNKNOWN', `${shown} is not the name of a CloudEvents attribute`, { field: shown });
}

function resourceOf(attributes: Attributes): { type: unknown; id: unknown } | undefined {
  const id = attributes['resourceid'] ?? attributes['subject'];
  return id === undefined ? undefined : { type: attributes['resourcetype'] ?? 'subject', id };
}

/** Lower case, other characters as hyphens, under the source's name: `com.Example.user_created` of `crm` is `crm.com.example.user-created`. */
function eventType(type: string, source: string): string {
  const words = type.toLowerCase().replace(/[^a-z0-9.]+/g, '-').split('.').map((w) => w.replace(/^-+|-+$/g, '')).filter((w) => w !== '');
  const noun = words[0] === source ? words.slice(1) : words;
  if (noun.length === 0) noun.push('event');
  return [source, ...noun, ...(noun.length === 1 ? ['received'] : [])].join('.');
}

/** CloudEvents' ids are unique per source, ours per ledger: a UUID of version 8 (RFC 9562 §5.8) from both. */
function uuidOf(source: string, id: string): string {
  const bytes = sha256(Buffer.from(`cloudevents\n${source}\n${id}`)).subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function utc(time: string): string {
  if (time.endsWith('Z')) return time;
  // Date.parse alone takes far more than RFC 3339, and moves the 30th of February to March.
  if (!OFFSET.test(time) || !isUtcTime(`${time.slice(0, -'+00:00'.length)}Z`)) fail('time', 'must be RFC 3339');
  return new Date(time).toISOString();
}

function required(attributes: Attributes, field: string): string {
  const value = attributes[field];
  if (value === undefined) throw new ChainFault('EVENT_FIELD_MISSING', `${field} is required of a CloudEvent`, { field });
  if (typeof value !== 'string' || value.length === 0) fail(field, 'must be a non-empty string');
  return value;
}

function fail(field: string, rule: string): never {
  throw new ChainFault('EVENT_FIELD_INVALID', `${field} ${rule}`, { field });
}

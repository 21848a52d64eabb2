import fc from 'fast-check';
import { ACTOR_TYPES, OUTCOMES, SEVERITIES } from '../src/index.js';
import type { Address, Event, JsonObject, JsonValue, PartDescriptor } from '../src/index.js';

/** Events, parts and JSON values as they may come, for properties. */

export const ADDRESS: Address = { source: 'identity', tenant: 'acme' };

const NO_NULL_PROTOTYPE = { noNullPrototype: true };
const wellFormed = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

/** Opaque ids of any script, with the characters that JSON escapes. */
export const opaqueId = fc
  .oneof(wellFormed, fc.constantFrom('"', '\\', '\\"', '","index":7,"', '],"previousEventHash":"', 'é😀\u2028'))
  .filter((id) => id.length > 0 && id.length <= 256 && !/\p{Cc}/u.test(id) && !EMAIL.test(id));

/** JSON that is admitted: no unsafe integer, no depth beyond the limit. */
export const jsonObject: fc.Arbitrary<JsonObject> = fc.dictionary(
  wellFormed,
  fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
      wellFormed,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(wellFormed, tie('value'), { maxKeys: 4, ...NO_NULL_PROTOTYPE }),
    ),
  })).value,
  { maxKeys: 5, ...NO_NULL_PROTOTYPE },
);

const reference = fc.record({ type: opaqueId, id: opaqueId }, NO_NULL_PROTOTYPE);
const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,9}$/);
const time = fc
  .date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((instant) => instant.toISOString());

/** An event that keeps every rule, addressed to {@link ADDRESS}. */
export const admissibleEvent: fc.Arbitrary<Event> = fc.record(
  {
    id: fc.uuid(),
    type: fc.array(word, { minLength: 2, maxLength: 4 }).map((words) => ['identity', ...words].join('.')),
    source: fc.constant(ADDRESS.source),
    tenant: fc.constant(ADDRESS.tenant),
    time,
    severity: fc.constantFrom(...SEVERITIES),
    outcome: fc.constantFrom(...OUTCOMES),
    actor: fc.record({ type: fc.constantFrom(...ACTOR_TYPES), id: opaqueId }, NO_NULL_PROTOTYPE),
    resource: reference,
    correlationId: opaqueId,
    producer: fc.record({ id: opaqueId, sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) }, NO_NULL_PROTOTYPE),
    data: jsonObject,
    personal: fc.array(fc.record({ subject: opaqueId, data: jsonObject }, NO_NULL_PROTOTYPE), { minLength: 1, maxLength: 16 }),
  },
  { requiredKeys: ['id', 'type', 'source', 'tenant', 'time', 'severity', 'outcome', 'actor'], ...NO_NULL_PROTOTYPE },
);

const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const enc = fc.constantFrom('salted' as const, 'v2' as const);
const bytes = fc.integer({ min: 1, max: 65_536 });

/** What an entry may list: at most one data part, then personal ones. */
export const partDescriptors: fc.Arbitrary<PartDescriptor[]> = fc
  .tuple(
    fc.array(fc.record({ name: fc.constant('data' as const), enc, digest, bytes }), { maxLength: 1 }),
    fc.array(fc.record({ name: fc.constant('personal' as const), enc, subject: opaqueId, digest, bytes }), { maxLength: 4 }),
  )
  .map(([data, personal]) => [...data, ...personal]);

export const hexHash = digest;

import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { ChainFault, EVENT_BYTES_MAX, PERSONAL_PARTS_MAX, admitEvent, clearPartsOf } from '../src/index.js';
import type { AdmittedEvent, FaultCode } from '../src/index.js';
import { ADDRESS, admissibleEvent, jsonObject } from './arbitrary-event.js';
import { vectorsOf } from './vectors.js';

interface Input {
  readonly source: string;
  readonly tenant: string;
  readonly event: unknown;
}
interface Refusal {
  readonly fault: FaultCode;
  readonly field?: string;
}

const canonicalJson = (value: unknown): string => canonicalize(value)!;

/** The whole event's canonical JSON, from the pieces that an entry is later made of. */
function canonicalOf({ content, producer, resource, closing }: AdmittedEvent): string {
  const end = resource + closing + '}';
  return content.slice(0, -end.length) + producer + end;
}

function refusalOf(value: unknown, address = ADDRESS): Refusal | undefined {
  try {
    admitEvent(value, address);
    return undefined;
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    const { field } = fault.detail;
    return field === undefined ? { fault: fault.code } : { fault: fault.code, field };
  }
}

const least = {
  id: '019abb5e-7c00-7000-8000-000000000001',
  type: 'identity.session.created',
  source: 'identity',
  tenant: 'acme',
  time: '2026-11-22T10:00:00.000Z',
  severity: 'info',
  outcome: 'success',
  actor: { type: 'user', id: 'user-1' },
};

describe('events that are admitted', () => {
  it.each(vectorsOf<Input, { canonical: string; content: string }>('events/valid'))('$why', ({ input, expect: expected }) => {
    const admitted = admitEvent(input.event, input);
    expect(canonicalOf(admitted)).toBe(expected.canonical);
    expect(admitted.content).toBe(expected.content);
  });
});

describe('events that are refused', () => {
  it.each(vectorsOf<Input, Refusal>('events/invalid'))('$why', ({ input, expect: expected }) => {
    expect(refusalOf(input.event, input)).toEqual(expected);
  });

  it('every rule of an event has a vector', () => {
    const codes = vectorsOf<Input, Refusal>('events/invalid').map(({ expect: { fault } }) => fault);
    expect([...new Set(codes)].sort()).toEqual([
      'EVENT_FIELD_INVALID', 'EVENT_FIELD_MISSING', 'EVENT_FIELD_UNKNOWN', 'EVENT_NOT_OBJECT', 'EVENT_SOURCE_MISMATCH', 'EVENT_TENANT_MISMATCH',
    ]);
  });

  it('a refusal never repeats a value: it may be personal', () => {
    const secret = 'zoe@example.com';
    const events = [
      { ...least, id: secret }, { ...least, type: secret }, { ...least, tenant: secret }, { ...least, time: secret },
      { ...least, severity: secret }, { ...least, actor: { type: 'user', id: secret } }, { ...least, actor: { type: secret, id: 'u' } },
      { ...least, correlationId: secret }, { ...least, data: secret }, { ...least, personal: [secret] },
      { ...least, personal: [{ subject: secret, data: {} }] }, { ...least, data: { [secret]: 2 ** 53 } }, { ...least, colour: secret },
    ];
    for (const event of events) {
      expect(() => admitEvent(event, ADDRESS)).toThrow(ChainFault);
      expect(() => admitEvent(event, ADDRESS)).not.toThrow(/zoe|example/);
    }
  });
});

describe('the size of an event', () => {
  const overhead = Buffer.byteLength(canonicalJson({ ...least, data: { a: '' } }));
  const sized = (text: string): unknown => ({ ...least, data: { a: text } });
  const room = EVENT_BYTES_MAX - overhead;

  it.each([
    ['ASCII', 'x', 1],
    ['two bytes a character', 'é', 2],
    ['three bytes a character', '東', 3],
    ['four bytes a character', '😀', 4],
    ['escaped, two bytes a character', '"', 2],
    ['escaped, six bytes a character', '\u0001', 6],
  ])('is at most 65,536 bytes of canonical JSON, in %s', (_what, character, bytes) => {
    const rest = 'x'.repeat(room % bytes);
    const full = character.repeat(Math.floor(room / bytes)) + rest;
    expect(Buffer.byteLength(canonicalJson(sized(full)))).toBe(EVENT_BYTES_MAX);
    expect(refusalOf(sized(full))).toBeUndefined();
    expect(refusalOf(sized(full + 'x'))).toEqual({ fault: 'EVENT_TOO_LARGE' });
  });

  it('counts the producer, which the digest of the content leaves out', () => {
    const producer = { id: 'p', sequence: 1 };
    const withProducer = Buffer.byteLength(canonicalJson({ ...least, producer, data: { a: '' } }));
    const text = 'x'.repeat(EVENT_BYTES_MAX - withProducer);
    expect(refusalOf({ ...least, producer, data: { a: text } })).toBeUndefined();
    expect(refusalOf({ ...least, producer, data: { a: `${text}x` } })).toEqual({ fault: 'EVENT_TOO_LARGE' });
  });

  it('does not count white space and needless escapes', () => {
    const text = `{"a":"${'x'.repeat(room)}"}`;
    const spaced = text.replaceAll('x', '\\u0078') + ' '.repeat(EVENT_BYTES_MAX);
    expect(refusalOf({ ...least, data: JSON.parse(spaced) as unknown })).toBeUndefined();
  });

  it('counts personal parts', () => {
    const personal = Array.from({ length: PERSONAL_PARTS_MAX }, (_, i) => ({ subject: `user-${i}`, data: { a: 'x'.repeat(4096) } }));
    expect(refusalOf({ ...least, personal })).toEqual({ fault: 'EVENT_TOO_LARGE' });
  });
});

describe('laws', () => {
  it('an event that keeps the rules is admitted, and its pieces make its canonical JSON', () => {
    fc.assert(
      fc.property(admissibleEvent, (event) => {
        const admitted = admitEvent(JSON.parse(JSON.stringify(event)), ADDRESS);
        expect(canonicalOf(admitted)).toBe(canonicalJson(event));
        expect(admitted.content).toBe(canonicalJson({ ...event, producer: undefined }));
        expect(admitted.data).toBe(canonicalJson(event.data));
        expect(admitted.personal).toEqual((event.personal ?? []).map(({ data }) => canonicalJson(data)));
      }),
      { numRuns: 300 },
    );
  });

  it('the personal parts that are read beforehand are those that are admitted', () => {
    fc.assert(
      fc.property(admissibleEvent, (event) => {
        const { personal } = admitEvent(event, ADDRESS);
        const parts = personal.map((json, i) => ({ subject: event.personal![i]!.subject, json }));
        expect(clearPartsOf(event)).toEqual(event.personal === undefined ? undefined : { eventId: event.id, parts });
      }),
    );
  });

  it('neither the order of fields nor the producer changes the content, anything else does', () => {
    const content = (event: unknown): string => admitEvent(event, ADDRESS).content;
    fc.assert(
      fc.property(admissibleEvent, admissibleEvent, (event, other) => {
        const reversed = Object.fromEntries(Object.entries(event).reverse());
        expect(content({ ...reversed, producer: other.producer })).toBe(content(event));
        const same = canonicalJson({ ...event, producer: undefined }) === canonicalJson({ ...other, producer: undefined });
        expect(content(event) === content(other)).toBe(same);
      }),
    );
  });

  it('any JSON value is admitted or refused by a fault of an event', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(refusalOf(value)?.fault).toMatch(/^EVENT_/);
      }),
      { numRuns: 500 },
    );
  });

  it('an event with any JSON value anywhere is admitted or refused by a fault of an event', () => {
    const anything = fc.oneof(fc.jsonValue(), fc.constantFrom(2 ** 53, Number.NaN, '\ud800', undefined), jsonObject);
    const paths = fc.constantFrom<readonly string[]>(
      ['id'], ['type'], ['source'], ['tenant'], ['time'], ['severity'], ['outcome'], ['actor'], ['actor', 'id'], ['actor', 'type'], ['resource'],
      ['correlationId'], ['producer'], ['producer', 'sequence'], ['data'], ['data', 'a'], ['personal'], ['personal', '0'], ['personal', '0', 'data'],
      ['__proto__'], ['constructor'], ['toString'],
    );
    fc.assert(
      fc.property(admissibleEvent, paths, anything, (event, path, value) => {
        const whole = structuredClone({ resource: {}, producer: {}, data: {}, personal: [{}], ...event }) as Record<string, unknown>;
        let at = whole;
        for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
        // Plain assignment to `__proto__` would make no property of its own, as JSON.parse does.
        Object.defineProperty(at, path.at(-1)!, { value, enumerable: true, configurable: true, writable: true });
        expect(refusalOf(whole)?.fault ?? 'EVENT_ADMITTED').toMatch(/^EVENT_/);
      }),
      { numRuns: 1_000 },
    );
  });
});

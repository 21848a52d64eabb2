import { describe, expect, it } from '@jest/globals';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { JSON_DEPTH_MAX, ChainFault, jcs, jcsString } from '../src/index.js';
import type { JsonValue } from '../src/index.js';
import { bytes, faultOf, vectorsOf } from './vectors.js';

type Input = { readonly json: string } | { readonly doubles: readonly string[] };

const parse = (json: string): JsonValue => JSON.parse(json) as JsonValue;
const double = (hex: string): number => bytes(hex).readDoubleBE();

describe('canonical JSON', () => {
  it.each(vectorsOf<Input, { canonical: string | string[] }>('jcs/valid'))('$why', ({ input, expect: { canonical } }) => {
    if ('json' in input) expect(jcs(parse(input.json), 'data')).toBe(canonical);
    else expect(input.doubles.map((hex) => jcs(double(hex), 'data'))).toEqual(canonical);
  });

  it('is its own canonical form', () => {
    for (const { input, expect: { canonical } } of vectorsOf<Input, { canonical: string }>('jcs/valid')) {
      if ('json' in input) expect(jcs(parse(canonical), 'data')).toBe(canonical);
    }
  });
});

describe('JSON that has no canonical form here', () => {
  it.each(vectorsOf<Input, { fault: string }>('jcs/invalid'))('$why', async ({ input, expect: { fault } }) => {
    const values = 'json' in input ? [parse(input.json)] : input.doubles.map(double);
    for (const value of values) expect(await faultOf(() => jcs(value, 'data'))).toBe(fault);
  });

  it.each([
    ['undefined', undefined],
    ['undefined in an object', { a: undefined }],
    ['a hole in a list', Array.from({ length: 1 })],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a bigint', 1n],
  ])('%s is no JSON value', async (_what, value) => {
    expect(await faultOf(() => jcs(value as JsonValue, 'data'))).toBe('EVENT_FIELD_INVALID');
  });

  it('the field is named, the value is not', () => {
    const judge = (value: JsonValue): unknown => {
      try {
        return jcs(value, 'personal[3].data');
      } catch (fault) {
        return fault;
      }
    };
    for (const value of [{ secret: 2 ** 53 }, { secret: '\ud800' }, ['secret', Number.NaN]]) {
      const fault = judge(value);
      expect(fault).toBeInstanceOf(ChainFault);
      expect((fault as ChainFault).detail).toEqual({ field: 'personal[3].data' });
      expect((fault as ChainFault).message).not.toContain('secret');
    }
  });
});

describe('laws', () => {
  const numbers = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n) || Number.isSafeInteger(n));
  const strings = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());
  const { value: values } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.constant(null),
      fc.boolean(),
      numbers,
      fc.maxSafeInteger(),
      strings,
      fc.array(tie('value'), { maxLength: 6 }),
      fc.dictionary(strings, tie('value'), { maxKeys: 8, noNullPrototype: true }),
    ),
  }));

  it('equals the package canonicalize for every JSON value that is admitted', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(jcs(value, 'data')).toBe(canonicalize(value));
      }),
      { numRuns: 500 },
    );
  });

  it('loses nothing: reading the canonical form gives the value back, minus zero apart', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(jcs(JSON.parse(jcs(value, 'data')) as JsonValue, 'data')).toBe(jcs(value, 'data'));
        expect(JSON.parse(jcs(value, 'data'))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('does not depend on the order in which names were written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(strings, values), { selector: ([name]) => name, maxLength: 8 }), (pairs) => {
        const written = (order: readonly (readonly [string, JsonValue])[]): JsonValue =>
          parse(`{${order.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`);
        expect(jcs(written(pairs), 'data')).toBe(jcs(written(pairs.toReversed()), 'data'));
      }),
    );
  });

  it('refuses every string that is not well formed, and no other', async () => {
    const units = fc.array(fc.nat(0xffff), { maxLength: 6 }).map((codes) => String.fromCharCode(...codes));
    await fc.assert(
      fc.asyncProperty(units, async (text) => {
        expect(await faultOf(() => jcsString(text, 'data'))).toBe(text.isWellFormed() ? undefined : 'EVENT_FIELD_INVALID');
      }),
    );
  });

  it('never overflows the stack, however deep the value', async () => {
    let deep: JsonValue = [];
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep };
    expect(await faultOf(() => jcs(deep, 'data'))).toBe('EVENT_FIELD_INVALID');
    expect(JSON_DEPTH_MAX).toBe(32);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { blindIndex, blindIndexKey, EnvelopeFault, openField, parseField, sealField, sealFieldBytes, unwrapKey, wrapKey } from '../src/index.js';
import type { EnvelopeFaultCode, FieldContext, WrapContext } from '../src/index.js';
import { writeBase64url } from '../src/base64url.js';
import { fieldAad, indexPrefix, wrapAad } from '../src/context.js';
import { formatField } from '../src/field-text.js';
import { randomIv } from '../src/iv.js';
import { bytes, CONTEXT, faultOf, hex, KEY_HEX, keyOf } from './fixture.js';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => Buffer.byteLength(text) <= 128);
const keyId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const row = fc.oneof(name, fc.string({ minLength: 60, maxLength: 70 }));
const fieldContext: fc.Arbitrary<FieldContext> = fc.record({ tenant: name, table: name, column: name, row });
const wrapContext: fc.Arbitrary<WrapContext> = fc.record({ tenant: name, purpose: name, keyId });
const plaintext = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array));
// Names of few letters and the bytes of lengths: where an ambiguous encoding would show.
const crampedName = fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', '\u0001', '\u0002'), minLength: 1, maxLength: 4 });
const crampedNames = fc.tuple(crampedName, crampedName, crampedName, crampedName);

const TEXT_CHARACTER = fc.oneof(fc.constantFrom(...'v23:AQgw_-+/= \n'), fc.string({ minLength: 1, maxLength: 1 }), fc.constantFrom('é', '\ud800', '\u0000'));
const CANONICAL: Readonly<Record<number, RegExp>> = { 0: /^$/, 2: /^[AQgw]$/, 3: /^[AEIMQUYcgkosw048]$/ };

/** The rules of docs/spec/envelope.md in regular expressions: what a text must be called before any key is tried. */
function shapeFault(text: string): EnvelopeFaultCode | undefined {
  const version = text.split(':')[0]!;
  if (version === 'v3') return 'FIELD_VERSION_RESERVED';
  if (version !== 'v2') return /^v\d{1,9}$/.test(version) ? 'FIELD_VERSION_UNKNOWN' : 'FIELD_MALFORMED';
  const parts = /^v2:[\w-]{1,64}:([\w-]{16}):([\w-]{21}[AQgw]):([\w-]*)$/.exec(text);
  if (parts === null || text.endsWith('\n')) return 'FIELD_MALFORMED';
  const ciphertext = parts[3]!;
  const rest = ciphertext.length % 4;
  if (rest === 1) return 'FIELD_MALFORMED';
  return rest === 0 || CANONICAL[rest]!.test(ciphertext.slice(-1)) ? undefined : 'FIELD_MALFORMED';
}

/** What opening a changed text under the key `dk_a_1` must end in. */
function faultOfChanged(text: string): EnvelopeFaultCode {
  return shapeFault(text) ?? (text.split(':')[1] === 'dk_a_1' ? 'FIELD_NOT_AUTHENTIC' : 'FIELD_KEY_MISMATCH');
}

describe('fields', () => {
  it('open to what was sealed, in a buffer of their own', () => {
    fc.assert(
      fc.property(fieldContext, keyId, plaintext, (context, id, value) => {
        const key = keyOf({ keyId: id });
        const before = hex(value);
        const text = sealField(key, context, value);
        expect(hex(openField(key, context, sealFieldBytes(key, context, value).toString('latin1')))).toBe(before);
        const opened = openField((wanted) => (wanted === id ? key : undefined), context, text);
        sealField(key, context, Buffer.alloc(value.length, 0xff));
        expect(hex(openField(key, context, parseField(text)))).toBe(before);
        expect([hex(opened), hex(value), shapeFault(text)]).toEqual([before, before, undefined]);
        expect(parseField(text).ciphertext).toHaveLength(value.length);
      }),
    );
  });

  it('fail with the exact code when one character anywhere is replaced, removed or added', () => {
    fc.assert(
      fc.property(plaintext, fc.nat(), fc.constantFrom(0, 1), fc.option(TEXT_CHARACTER), (value, place, removed, character) => {
        const text = sealField(keyOf(), CONTEXT, value);
        const at = place % (text.length + 1);
        const changed = text.slice(0, at) + (character ?? '') + text.slice(at + removed);
        fc.pre(changed !== text);
        expect([changed, faultOf(() => openField(keyOf(), CONTEXT, changed))]).toEqual([changed, faultOfChanged(changed)]);
      }),
      { numRuns: 3000 },
    );
  });

  it('fail at every single character of one text', () => {
    const text = sealField(keyOf(), CONTEXT, Buffer.from('every character counts'));
    for (let at = 0; at < text.length; at++) {
      for (const character of [...'v23:AQgwz09_-+/= \n']) {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        if (changed !== text) expect([changed, faultOf(() => openField(keyOf(), CONTEXT, changed))]).toEqual([changed, faultOfChanged(changed)]);
      }
    }
  });

  it('fail when any bit of IV, tag or ciphertext changes', () => {
    const field = parseField(sealField(keyOf(), CONTEXT, Buffer.from('every bit counts')));
    for (const part of ['iv', 'tag', 'ciphertext'] as const) {
      for (let bit = 0; bit < field[part].length * 8; bit++) {
        const changed = { ...field, [part]: Buffer.from(field[part]) };
        changed[part][bit >> 3]! ^= 1 << (bit & 7);
        const text = formatField(changed.keyId, changed.iv, changed);
        expect([part, bit, faultOf(() => openField(keyOf(), CONTEXT, text))]).toEqual([part, bit, 'FIELD_NOT_AUTHENTIC']);
      }
    }
  });

  it('open nowhere else: any other tenant, table, column or row fails', () => {
    fc.assert(
      fc.property(fieldContext, fc.constantFrom('tenant', 'table', 'column', 'row'), name, (context, part, other) => {
        fc.pre(context[part] !== other);
        const text = sealField(keyOf(), context, Buffer.from('value'));
        expect(faultOf(() => openField(keyOf(), { ...context, [part]: other }, text))).toBe('FIELD_NOT_AUTHENTIC');
      }),
    );
  });

  it('open under no other key, whatever it is called', () => {
    fc.assert(
      fc.property(keyId, keyId, fc.uint8Array({ minLength: 32, maxLength: 32 }), (id, otherId, other) => {
        fc.pre(hex(other) !== KEY_HEX && other.some((byte) => byte !== 0));
        const text = sealField(keyOf({ keyId: id }), CONTEXT, Buffer.from('value'));
        const expected = id === otherId ? 'FIELD_NOT_AUTHENTIC' : 'FIELD_KEY_MISMATCH';
        expect(faultOf(() => openField(keyOf({ keyId: otherId, secret: hex(other) }), CONTEXT, text))).toBe(expected);
        const renamed = text.replace(`:${id}:`, `:${otherId}:`);
        if (id !== otherId) expect(faultOf(() => openField(keyOf({ keyId: otherId }), CONTEXT, renamed))).toBe('FIELD_NOT_AUTHENTIC');
      }),
    );
  });

  it('open while a resolver seals something else meanwhile', () => {
    const text = sealField(keyOf(), CONTEXT, Buffer.from('outer'));
    const resolver = () => {
      sealField(keyOf({ keyId: 'inner' }), { tenant: 't', table: 't', column: 't', row: 't' }, Buffer.from('inner'));
      return keyOf();
    };
    expect(openField(resolver, CONTEXT, text).toString()).toBe('outer');
  });
});

describe('texts', () => {
  it('are read in one way: what parses is written again as it was', () => {
    const part = fc.oneof(fc.base64String({ maxLength: 24 }), fc.string({ maxLength: 24 }), fc.stringMatching(/^[\w-]{0,24}$/));
    const shaped = fc.tuple(fc.stringMatching(/^[\w-]{16}$/), fc.stringMatching(/^[\w-]{21}[AQgw]$/), part).map((parts) => `v2:k:${parts.join(':')}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), shaped, fc.tuple(part, part, part).map((parts) => `v2:k:${parts.join(':')}`)), (text) => {
        const expected = shapeFault(text);
        expect([text, faultOf(() => parseField(text))]).toEqual([text, expected]);
        if (expected !== undefined) return;
        const { keyId: id, iv, ...result } = parseField(text);
        expect(formatField(id, iv, result)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('hold what the runtime encodes, of any length, and no byte beside it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1100 }), fc.nat(20), (value, start) => {
        const into = Buffer.alloc(1600, 0x2e);
        const end = writeBase64url(value, into, start);
        expect(into.toString('latin1')).toBe(`${'.'.repeat(start)}${Buffer.from(value).toString('base64url')}`.padEnd(1600, '.'));
        expect(end).toBe(start + Buffer.from(value).toString('base64url').length);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Reads an encoding back by lengths alone. */
function decodeNames(encoded: Uint8Array): string[] {
  const all = Buffer.from(encoded);
  const names: string[] = [];
  for (let at = 0; at < all.length; at += 2 + all.readUInt16BE(at)) names.push(all.toString('utf8', at + 2, at + 2 + all.readUInt16BE(at)));
  return names;
}

describe('additional data', () => {
  it('can be read back, so no two contexts share one', () => {
    fc.assert(
      fc.property(keyId, fieldContext, wrapContext, (id, field, wrap) => {
        expect(decodeNames(fieldAad(id, field))).toEqual(['countersign.envelope.v2', id, field.tenant, field.table, field.column, field.row]);
        expect(decodeNames(wrapAad(id, wrap))).toEqual(['countersign.envelope.v2.wrap', id, wrap.tenant, wrap.purpose, wrap.keyId]);
        expect(decodeNames(indexPrefix(field))).toEqual(['countersign.blind-index.v1', field.tenant, field.table, field.column]);
      }),
    );
  });

  it('is the same whatever was encoded, or refused, before', () => {
    // Few names, so that most calls share all but the row with the one before; an empty one is refused.
    const few = fc.constantFrom('a', 'b', 'é', '');
    const call = fc.record({ id: few, tenant: few, table: few, column: few, row: few });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 20 }), (calls) => {
        for (const { id, ...field } of calls) {
          const names = [id, field.tenant, field.table, field.column, field.row];
          if (names.includes('')) expect(faultOf(() => fieldAad(id, field))).toBe('CONTEXT_MALFORMED');
          else expect(decodeNames(fieldAad(id, field))).toEqual(['countersign.envelope.v2', ...names]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('differs for names that read the same when put one behind the other', () => {
    const aadOf = ([tenant, table, column, row]: readonly [string, string, string, string]) => hex(fieldAad('k', { tenant, table, column, row }));
    fc.assert(
      fc.property(crampedNames, crampedNames, (one, other) => {
        expect(aadOf(one) === aadOf(other)).toBe(one.every((part, at) => part === other[at]));
      }),
      { numRuns: 2000 },
    );
    expect(aadOf(['a', 'bc', 'd', 'e'])).not.toBe(aadOf(['ab', 'c', 'd', 'e']));
  });
});

describe('wrapped keys', () => {
  it('open to what was wrapped, and never as a field', () => {
    fc.assert(
      fc.property(wrapContext, fc.uint8Array({ minLength: 16, maxLength: 200 }), (context, material) => {
        const kek = keyOf({ keyId: 'tk_a_1' });
        const text = wrapKey(kek, context, material);
        expect(hex(unwrapKey(kek, context, text))).toBe(hex(material));
        const disguise = { tenant: context.tenant, table: context.purpose, column: context.keyId, row: context.keyId };
        expect(faultOf(() => openField(kek, disguise, text))).toBe('FIELD_NOT_AUTHENTIC');
        expect(faultOf(() => unwrapKey(kek, context, sealField(kek, disguise, material)))).toBe('FIELD_NOT_AUTHENTIC');
      }),
    );
  });
});

describe('blind indexes', () => {
  it('are equal for equal values of one column under one key, and only then', () => {
    const keys = [1, 2].map((version) => blindIndexKey({ version, bytes: Buffer.alloc(32, version) }));
    const value = fc.uint8Array({ maxLength: 3, max: 2 });
    fc.assert(
      fc.property(crampedNames, crampedNames, fc.nat(1), fc.nat(1), value, value, (one, other, key, otherKey, value1, value2) => {
        const index = ([tenant, table, column]: readonly [string, string, string, string], at: number, bytesOf: Uint8Array) => blindIndex(keys[at]!, { tenant, table, column }, bytesOf);
        const same = one.slice(0, 3).every((part, at) => part === other[at]) && key === otherKey && hex(value1) === hex(value2);
        expect(index(one, key, value1) === index(other, otherKey, value2)).toBe(same);
        expect(index(one, key, value1)).toBe(index(one, key, Buffer.from(value1)));
      }),
    );
  });
});

describe('IVs', () => {
  it('do not come back over many lots, and are not constant in any bit', () => {
    const ivs = Array.from({ length: 5000 }, () => hex(randomIv()));
    expect(new Set(ivs).size).toBe(5000);
    const ones = Array.from({ length: 96 }, (_, bit) => ivs.filter((iv) => (bytes(iv)[bit >> 3]! >> (bit & 7)) & 1).length);
    // 5,000 fair coins stay within 11 standard deviations of 2,500 but for one run in 10^26.
    expect(ones.filter((count) => count < 2100 || count > 2900)).toEqual([]);
  });

  it('are what the texts carry, each once', () => {
    const key = keyOf();
    const ivs = Array.from({ length: 1000 }, () => hex(parseField(sealField(key, CONTEXT, Buffer.from('same'))).iv));
    expect(new Set(ivs).size).toBe(1000);
  });
});

describe('faults', () => {
  it('are errors with a stable code', () => {
    const fault = new EnvelopeFault('KEY_EXHAUSTED', 'why');
    expect([fault instanceof Error, fault.name, fault.code, fault.message]).toEqual([true, 'EnvelopeFault', 'KEY_EXHAUSTED', 'why']);
  });
});

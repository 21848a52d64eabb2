import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FIELD_BYTES_MAX, FIELD_DIGEST_BYTES, fieldDigest } from '../src/index.js';
import { digestPrefix } from '../src/context.js';
import { bytes, CONTEXT, faultOf, hex, KEY_HEX, keyOf } from './fixture.js';

describe('the digest of a field', () => {
  it('is HMAC-SHA-256 (RFC 2104) under a key derived by HKDF (RFC 5869), over the place and the value, cut to 16 bytes', () => {
    const derived = Buffer.from(hkdfSync('sha256', bytes(KEY_HEX), '', 'countersign.field-digest.v1', 32));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (value) => {
        const expected = createHmac('sha256', derived).update(digestPrefix(CONTEXT)).update(value).digest().subarray(0, FIELD_DIGEST_BYTES);
        expect(fieldDigest(keyOf(), CONTEXT, value)).toBe(hex(expected));
      }),
    );
  });

  it('keeps its bytes: they lie in databases', () => {
    expect(fieldDigest(keyOf(), CONTEXT, Buffer.from('123-45-6789'))).toBe('1be49c5e699fd7d916aefa94e8389eb8');
  });

  it('is the same for every lease of a key, and another for another key, place or value', () => {
    const value = Buffer.from('x');
    const digest = fieldDigest(keyOf(), CONTEXT, value);
    expect(fieldDigest(keyOf({ keyId: 'dk_b_2' }), CONTEXT, value)).toBe(digest);
    const others = [
      fieldDigest(keyOf({ secret: `ff${KEY_HEX.slice(2)}` }), CONTEXT, value),
      ...(['tenant', 'table', 'column', 'row'] as const).map((part) => fieldDigest(keyOf(), { ...CONTEXT, [part]: 'other' }, value)),
      fieldDigest(keyOf(), CONTEXT, Buffer.from('y')),
    ];
    expect(others).not.toContain(digest);
    expect(new Set(others).size).toBe(others.length);
  });

  it('costs a key no use, and is no encryption that is counted', () => {
    const key = keyOf({ usesMax: 0 });
    fieldDigest(key, CONTEXT, Buffer.from('x'));
    expect([key.sealedCount, key.openedCount]).toEqual([0, 0]);
  });

  it('refuses what no field may be', () => {
    expect(faultOf(() => fieldDigest(keyOf(), CONTEXT, Buffer.alloc(FIELD_BYTES_MAX + 1)))).toBe('FIELD_TOO_LARGE');
    expect(faultOf(() => fieldDigest(keyOf(), { ...CONTEXT, row: '' }, Buffer.alloc(1)))).toBe('CONTEXT_MALFORMED');
  });
});

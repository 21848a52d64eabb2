import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SALT_BYTES, openSaltedPart, saltedPart, sha256Hex } from '../src/index.js';

const salt = fc.uint8Array({ minLength: SALT_BYTES, maxLength: SALT_BYTES });
const text = fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify({ value }));

describe('a salted part', () => {
  it('is its salt and then its JSON, and says digest and length of exactly that', () => {
    fc.assert(
      fc.property(salt, text, (bytes, json) => {
        const { descriptor, stored } = saltedPart('personal', json, bytes, 'user-1');
        expect(stored).toEqual(Buffer.concat([bytes, Buffer.from(json)]));
        expect(descriptor).toEqual({ name: 'personal', enc: 'salted', subject: 'user-1', digest: sha256Hex(stored), bytes: stored.length });
        expect(openSaltedPart(stored)).toBe(json);
      }),
    );
  });

  it('of the same fact has another digest under another salt', () => {
    fc.assert(
      fc.property(salt, salt, text, (one, other, json) => {
        const same = Buffer.from(one).equals(other);
        expect(saltedPart('data', json, one).descriptor.digest === saltedPart('data', json, other).descriptor.digest).toBe(same);
      }),
    );
  });

  it('of data has no subject', () => {
    expect(saltedPart('data', '{}', Buffer.alloc(SALT_BYTES)).descriptor.subject).toBeUndefined();
  });

  it('does not keep a view of the salt’s own memory', () => {
    const bytes = Buffer.alloc(SALT_BYTES, 1);
    const { stored, descriptor } = saltedPart('data', '{}', bytes);
    bytes.fill(2);
    expect(sha256Hex(stored)).toBe(descriptor.digest);
  });

  it('opens from the middle of a larger buffer', () => {
    const { stored } = saltedPart('data', '{"a":"é"}', Buffer.alloc(SALT_BYTES, 3));
    const larger = Buffer.concat([Buffer.from('before'), stored, Buffer.from('after')]);
    expect(openSaltedPart(larger.subarray(6, 6 + stored.length))).toBe('{"a":"é"}');
  });
});

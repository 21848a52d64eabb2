import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hmacContentDigester, hmacSha256, isSameEvent, storedDigest } from '../../src/append/content-digest.js';
import { admitMessage, type Admission } from '../../src/append/intake-message.js';
import type { StoredPart } from '../../src/append/stored-part.js';
import { makeEvent } from '../fixture/ledger-fixture.js';
import { DIGESTER } from './append-stand.js';

// RFC 4231 §4: the test cases whose data is text and whose key fits one block. Case 5 gives the first 128 bits.
const VECTORS = [
  { testCase: 1, key: '0b'.repeat(20), data: 'Hi There', hmac: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7' },
  {
    testCase: 2,
    key: Buffer.from('Jefe').toString('hex'),
    data: 'what do ya want for nothing?',
    hmac: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  },
  { testCase: 5, key: '0c'.repeat(20), data: 'Test With Truncation', hmac: 'a3b6167473100ee06e0c796c2955552b' },
];

describe('HMAC-SHA-256', () => {
  it.each(VECTORS)('gives the value of RFC 4231, test case $testCase', ({ key, data, hmac }) => {
    expect(hmacSha256(Buffer.from(key, 'hex'))(data).slice(0, hmac.length)).toBe(hmac);
  });

  it('equals crypto.createHmac for any text under any key of at most a block', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'binary', minLength: 1_000, maxLength: 3_000 }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(text, { minLength: 1, maxLength: 4 }), (key, texts) => {
        // One digester for all of them: what a long text left behind must not reach the next.
        const digest = hmacSha256(key);
        for (const one of texts) expect(digest(one)).toBe(createHmac('sha256', key).update(one, 'utf8').digest('hex'));
      }),
    );
  });

  it('replaces a lone surrogate as UTF-8 does everywhere', () => {
    expect(hmacSha256(Buffer.alloc(32))('\uD800')).toBe(hmacSha256(Buffer.alloc(32))('\uFFFD'));
  });

  it('refuses a key that is longer than a block instead of cutting it', () => {
    expect(() => hmacSha256(Buffer.alloc(65))).toThrow(new RangeError('an HMAC key has at most 64 bytes here'));
  });
});

describe('a content digest', () => {
  const key = Buffer.alloc(32, 5);

  it('is the key version as one byte, then the HMAC', () => {
    expect(hmacContentDigester(7, key).digest('{}')).toBe(`07${createHmac('sha256', key).update('{}').digest('hex')}`);
    expect(hmacContentDigester(255, key).digest('{}').slice(0, 2)).toBe('ff');
  });

  it.each([-1, 256, 1.5, NaN])('has no key version %p', (version) => {
    expect(() => hmacContentDigester(version, key)).toThrow(new RangeError('key version is one byte'));
  });

  it.each([0, 31, 33])('has no key of %i bytes', (bytes) => {
    expect(() => hmacContentDigester(1, Buffer.alloc(bytes))).toThrow(new RangeError('the content digest key must have 32 bytes'));
  });
});

const part = (digit: string, isErased = false): StoredPart => ({ bytes: Buffer.alloc(0), digest: digit.repeat(32), isErased });
const [ANA, BEN] = [part('a'), part('b')];
const EVENT = makeEvent('acme', { data: { n: 1 } });
const PERSONAL = [{ subject: 'u-ana', data: { ip: '192.0.2.1' } }, { subject: 'u-ben', data: { ip: '192.0.2.2' } }];
const digestsOf = (event: object) => {
  const [admission] = [...admitMessage({ source: 'identity', tenant: 'acme' }, Buffer.from(JSON.stringify(event)), DIGESTER)] as [Admission];
  if ('refused' in admission) throw admission.refused;
  return admission.digests;
};

describe('what is stored to know an event again', () => {
  const sent = digestsOf({ ...EVENT, personal: PERSONAL });
  const stored = storedDigest(sent, [ANA, BEN]);

  it('is one digest of an event without encrypted parts', () => {
    const plain = digestsOf(EVENT);
    expect([plain.facts, storedDigest(plain, undefined)]).toEqual([plain.whole, plain.whole]);
    expect(storedDigest(sent, undefined)).toBe(sent.whole);
  });

  it('has nothing of a personal part but its digest under its subject key', () => {
    const other = digestsOf({ ...EVENT, personal: [{ subject: 'u-eve', data: { ip: '198.51.100.7' } }] });
    expect(storedDigest(other, [ANA, BEN])).toBe(stored);
    expect(stored).toBe(digestsOf(EVENT).whole + ANA.digest + BEN.digest);
  });

  it.each([
    ['the same again', sent, [ANA, BEN], true],
    ['in another order', sent, [BEN, ANA], true],
    ['without its personal parts', digestsOf(EVENT), undefined, true],
    ['without those of one subject', digestsOf({ ...EVENT, personal: [PERSONAL[1]!] }), [BEN], true],
    ['with a part of an erased subject', sent, [part('e', true), BEN], true],
    ['with another part', sent, [ANA, part('c')], false],
    ['with other facts', digestsOf({ ...EVENT, data: { n: 2 }, personal: PERSONAL }), [ANA, BEN], false],
    ['with other facts and parts of the erased', digestsOf({ ...EVENT, severity: 'alert' }), [part('e', true)], false],
  ] as const)('knows an event sent %s', (_what, digests, parts, isSame) => {
    expect(isSameEvent(stored, digests, parts)).toBe(isSame);
  });

  it('does not take an event with personal parts for one recorded without', () => {
    expect(isSameEvent(storedDigest(digestsOf(EVENT), undefined), sent, [ANA, BEN])).toBe(false);
    expect(isSameEvent(storedDigest(sent, undefined), sent, [ANA, BEN])).toBe(true);
  });
});

import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  blindIndex,
  blindIndexKey,
  BLIND_INDEX_VERSION_MAX,
  EnvelopeFault,
  FIELD_BYTES_MAX,
  FIELD_TEXT_CHARACTERS_MAX,
  fieldKey,
  KEY_USES_MAX,
  openField,
  parseField,
  sealField,
  unwrapKey,
  WRAPPED_KEY_BYTES_MAX,
  wrapKey,
} from '../src/index.js';
import type { EnvelopeFaultCode, FieldContext, WrapContext } from '../src/index.js';
import { bytes, CONTEXT, faultOf, hex, KEY_HEX, keyOf } from './fixture.js';

const PLAINTEXT = Buffer.from('Ä secret of 24 bytes...');
const WRAP: WrapContext = { tenant: 'acme', purpose: 'identity.mfa', keyId: 'dk_b_1' };
const INDEX_KEY = blindIndexKey({ version: 1, bytes: bytes(KEY_HEX) });
const text = sealField(keyOf(), CONTEXT, PLAINTEXT);
const parts = text.split(':') as [string, string, string, string, string];
const with_ = (at: number, part: string): string => parts.with(at, part).join(':');

type Case = readonly [misuse: string, fault: EnvelopeFaultCode, run: () => unknown];

const open = (changed: unknown, context: FieldContext = CONTEXT): unknown => openField(keyOf(), context, changed as string);
const seal = (context: unknown): unknown => sealField(keyOf(), context as FieldContext, PLAINTEXT);

const TEXTS: readonly Case[] = [
  ['no text', 'FIELD_MALFORMED', () => open(undefined)],
  ['an empty text', 'FIELD_MALFORMED', () => open('')],
  ['the plaintext itself', 'FIELD_MALFORMED', () => open('alice@example.com')],
  ['version 1', 'FIELD_VERSION_UNKNOWN', () => open(with_(0, 'v1'))],
  ['version 4', 'FIELD_VERSION_UNKNOWN', () => open(with_(0, 'v4'))],
  ['version 02', 'FIELD_VERSION_UNKNOWN', () => open(with_(0, 'v02'))],
  ['version 3', 'FIELD_VERSION_RESERVED', () => open(with_(0, 'v3'))],
  ['version 3 with nothing behind it', 'FIELD_VERSION_RESERVED', () => open('v3')],
  ['an upper-case version', 'FIELD_MALFORMED', () => open(with_(0, 'V2'))],
  ['a space before the version', 'FIELD_MALFORMED', () => open(` ${text}`)],
  ['a newline behind', 'FIELD_MALFORMED', () => open(`${text}\n`)],
  ['a part too few', 'FIELD_MALFORMED', () => open(parts.slice(0, 4).join(':'))],
  ['a part too many', 'FIELD_MALFORMED', () => open(`${text}:`)],
  ['no key id', 'FIELD_MALFORMED', () => open(with_(1, ''))],
  ['a key id of 65 characters', 'FIELD_MALFORMED', () => open(with_(1, 'k'.repeat(65)))],
  ['a key id with a dot', 'FIELD_MALFORMED', () => open(with_(1, 'dk.a.1'))],
  ['a key id with a newline behind', 'FIELD_MALFORMED', () => open(with_(1, `${parts[1]}\n`))],
  ['no IV', 'FIELD_MALFORMED', () => open(with_(2, ''))],
  ['an IV of 11 bytes', 'FIELD_MALFORMED', () => open(with_(2, Buffer.alloc(11).toString('base64url')))],
  ['an IV of 13 bytes', 'FIELD_MALFORMED', () => open(with_(2, Buffer.alloc(13).toString('base64url')))],
  ['no tag', 'FIELD_MALFORMED', () => open(with_(3, ''))],
  ...[4, 8, 12, 13, 14, 15].map((length): Case => [
    `the tag cut to ${length} bytes`,
    'FIELD_MALFORMED',
    () => open(with_(3, Buffer.from(parts[3], 'base64url').subarray(0, length).toString('base64url'))),
  ]),
  ['a tag of 17 bytes', 'FIELD_MALFORMED', () => open(with_(3, Buffer.alloc(17).toString('base64url')))],
  ['padding', 'FIELD_MALFORMED', () => open(with_(3, `${parts[3]}==`))],
  ['the alphabet of standard base64: +', 'FIELD_MALFORMED', () => open(with_(4, '++++'))],
  ['the alphabet of standard base64: /', 'FIELD_MALFORMED', () => open(with_(4, '////'))],
  ['white space inside base64url', 'FIELD_MALFORMED', () => open(with_(4, `${parts[4].slice(0, 4)} ${parts[4].slice(4)}`))],
  ['stray bits in the last character of the tag', 'FIELD_MALFORMED', () => open(with_(3, `${'A'.repeat(21)}B`))],
  ['a lone last character', 'FIELD_MALFORMED', () => open(with_(4, 'AAAAA'))],
  ['a letter beyond ASCII', 'FIELD_MALFORMED', () => open(with_(4, 'AAAÄ'))],
  ['no ciphertext', 'FIELD_NOT_AUTHENTIC', () => open(with_(4, ''))],
  ['a ciphertext cut by three bytes', 'FIELD_NOT_AUTHENTIC', () => open(with_(4, parts[4].slice(0, -4)))],
  ['IV and tag changed places', 'FIELD_MALFORMED', () => open(parts.with(2, parts[3]).with(3, parts[2]).join(':'))],
  ['a text of one character over the limit', 'FIELD_TOO_LARGE', () => open('v'.repeat(FIELD_TEXT_CHARACTERS_MAX + 1))],
  ['a ciphertext of one byte over the limit', 'FIELD_TOO_LARGE', () => open(with_(4, Buffer.alloc(FIELD_BYTES_MAX + 1).toString('base64url')))],
  ['another key id', 'FIELD_KEY_MISMATCH', () => open(with_(1, 'dk_a_2'))],
  ['a key that the resolver does not have', 'FIELD_KEY_MISMATCH', () => openField(() => undefined, CONTEXT, text)],
  ['a resolver that answers with another key', 'FIELD_KEY_MISMATCH', () => openField(() => keyOf({ keyId: 'dk_a_2' }), CONTEXT, text)],
  ['other bytes under the same key id', 'FIELD_NOT_AUTHENTIC', () => openField(keyOf({ secret: 'ff'.repeat(32) }), CONTEXT, text)],
  ['a wrapped key given as a field', 'FIELD_NOT_AUTHENTIC', () => open(wrapKey(keyOf(), WRAP, bytes(KEY_HEX)), { tenant: 'acme', table: WRAP.purpose, column: WRAP.keyId, row: '1' })],
  ['a field given as a wrapped key', 'FIELD_NOT_AUTHENTIC', () => unwrapKey(keyOf(), WRAP, text)],
  ['a key wrapped for another tenant', 'FIELD_NOT_AUTHENTIC', () => unwrapKey(keyOf(), { ...WRAP, tenant: 'other' }, wrapKey(keyOf(), WRAP, bytes(KEY_HEX)))],
  ['a key wrapped for another purpose', 'FIELD_NOT_AUTHENTIC', () => unwrapKey(keyOf(), { ...WRAP, purpose: 'personal' }, wrapKey(keyOf(), WRAP, bytes(KEY_HEX)))],
  ['a wrapped key taken for another one', 'FIELD_NOT_AUTHENTIC', () => unwrapKey(keyOf(), { ...WRAP, keyId: 'dk_b_2' }, wrapKey(keyOf(), WRAP, bytes(KEY_HEX)))],
  ['a key unwrapped with another wrapping key', 'FIELD_KEY_MISMATCH', () => unwrapKey(keyOf({ keyId: 'tk_a_2' }), WRAP, wrapKey(keyOf(), WRAP, bytes(KEY_HEX)))],
  ['a blind index given as a field', 'FIELD_MALFORMED', () => open(blindIndex(INDEX_KEY, CONTEXT, PLAINTEXT))],
];

const CONTEXTS: readonly Case[] = [
  ['no context', 'CONTEXT_MALFORMED', () => seal(undefined)],
  ['null for a context', 'CONTEXT_MALFORMED', () => seal(null)],
  ...(['tenant', 'table', 'column', 'row'] as const).flatMap((name): Case[] => {
    const limit = name === 'row' ? 1024 : 128;
    return [
      [`no ${name}`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: undefined })],
      [`an empty ${name}`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: '' })],
      [`a number for a ${name}`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: 7 })],
      [`a ${name} of one byte too many`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: 'x'.repeat(limit + 1) })],
      [`a ${name} of a million characters`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: 'x'.repeat(1_000_000) })],
      [`a ${name} too long in bytes, not in characters`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: 'é'.repeat(limit / 2 + 1) })],
      [`half a surrogate pair in a ${name}`, 'CONTEXT_MALFORMED', () => seal({ ...CONTEXT, [name]: 'a\ud800' })],
      [`a field opened for an empty ${name}`, 'CONTEXT_MALFORMED', () => open(text, { ...CONTEXT, [name]: '' })],
    ];
  }),
  ['a wrap without a purpose', 'CONTEXT_MALFORMED', () => wrapKey(keyOf(), { ...WRAP, purpose: '' }, bytes(KEY_HEX))],
  ['a wrap for a key id with a colon', 'CONTEXT_MALFORMED', () => wrapKey(keyOf(), { ...WRAP, keyId: 'dk:b' }, bytes(KEY_HEX))],
  ['a blind index of no column', 'CONTEXT_MALFORMED', () => blindIndex(INDEX_KEY, { ...CONTEXT, column: '' }, PLAINTEXT)],
];

const KEYS: readonly Case[] = [
  ...[0, 16, 24, 31, 33, 64].map((length): Case => [`a key of ${length} bytes`, 'KEY_MALFORMED', () => fieldKey({ keyId: 'k', bytes: Buffer.alloc(length, 1) })]),
  ['a key in hex', 'KEY_MALFORMED', () => fieldKey({ keyId: 'k', bytes: KEY_HEX.slice(0, 32) as unknown as Uint8Array })],
  ['a key that was zeroed', 'KEY_MALFORMED', () => fieldKey({ keyId: 'k', bytes: Buffer.alloc(32) })],
  ['a key without an id', 'KEY_MALFORMED', () => keyOf({ keyId: '' })],
  ['a key id with a colon', 'KEY_MALFORMED', () => keyOf({ keyId: 'a:b' })],
  ['a key id of 65 characters', 'KEY_MALFORMED', () => keyOf({ keyId: 'k'.repeat(65) })],
  ...[-1, 0.5, KEY_USES_MAX + 1, Number.NaN, Number.POSITIVE_INFINITY].map((usesMax): Case => [`a lease of ${usesMax} uses`, 'KEY_MALFORMED', () => keyOf({ usesMax })]),
  ...[0, -1, 1.5, BLIND_INDEX_VERSION_MAX + 1].map((version): Case => [`blind index version ${version}`, 'KEY_MALFORMED', () => blindIndexKey({ version, bytes: bytes(KEY_HEX) })]),
  ['a blind index key of 31 bytes', 'KEY_MALFORMED', () => blindIndexKey({ version: 1, bytes: Buffer.alloc(31, 1) })],
  ['15 bytes wrapped as a key', 'KEY_MALFORMED', () => wrapKey(keyOf(), WRAP, Buffer.alloc(15, 1))],
  ['too much wrapped as a key', 'KEY_MALFORMED', () => wrapKey(keyOf(), WRAP, Buffer.alloc(WRAPPED_KEY_BYTES_MAX + 1, 1))],
  ['a value of one byte over the limit', 'FIELD_TOO_LARGE', () => sealField(keyOf(), CONTEXT, Buffer.alloc(FIELD_BYTES_MAX + 1))],
  ['a blind index of a value of one byte over the limit', 'FIELD_TOO_LARGE', () => blindIndex(INDEX_KEY, CONTEXT, Buffer.alloc(FIELD_BYTES_MAX + 1))],
  ['a key whose lease is zero, for opening only', 'KEY_EXHAUSTED', () => sealField(keyOf({ usesMax: 0 }), CONTEXT, PLAINTEXT)],
];

describe('misuse is refused with its own code', () => {
  it.each([...TEXTS, ...CONTEXTS, ...KEYS])('%s: %s', (_misuse, fault, run) => {
    expect(faultOf(run)).toBe(fault);
  });

  it('and the same calls succeed when used well', () => {
    expect(open(text)).toEqual(PLAINTEXT);
    expect(openField((keyId) => keyOf({ keyId }), CONTEXT, text)).toEqual(PLAINTEXT);
    expect(unwrapKey(keyOf(), WRAP, wrapKey(keyOf(), WRAP, bytes(KEY_HEX)))).toEqual(bytes(KEY_HEX));
    expect(blindIndex(INDEX_KEY, CONTEXT, PLAINTEXT)).toMatch(/^b1:[A-Za-z0-9_-]{22}$/);
    const long = { tenant: 'x'.repeat(128), table: 'é'.repeat(64), column: 'x'.repeat(128), row: '\u{1f511}'.repeat(256) };
    expect(openField(keyOf(), long, sealField(keyOf(), long, PLAINTEXT))).toEqual(PLAINTEXT);
  });
});

describe('the use counter', () => {
  it('refuses what goes over the lease, and every later call', () => {
    const key = keyOf({ usesMax: 3 });
    const texts = [1, 2, 3].map(() => sealField(key, CONTEXT, PLAINTEXT));
    expect([faultOf(() => sealField(key, CONTEXT, PLAINTEXT)), faultOf(() => wrapKey(key, WRAP, bytes(KEY_HEX)))]).toEqual(['KEY_EXHAUSTED', 'KEY_EXHAUSTED']);
    expect([key.sealedCount, key.usesLeft]).toEqual([3, 0]);
    expect(texts.map((one) => openField(key, CONTEXT, one))).toEqual([PLAINTEXT, PLAINTEXT, PLAINTEXT]);
    expect([key.openedCount, faultOf(() => sealField(key, CONTEXT, PLAINTEXT))]).toEqual([3, 'KEY_EXHAUSTED']);
  });

  it('counts fields and wrapped keys together, and tries that failed to open', () => {
    const key = keyOf();
    sealField(key, CONTEXT, PLAINTEXT);
    wrapKey(key, WRAP, bytes(KEY_HEX));
    expect(faultOf(() => openField(key, { ...CONTEXT, row: 'row-2' }, text))).toBe('FIELD_NOT_AUTHENTIC');
    expect([key.sealedCount, key.openedCount, key.usesLeft]).toEqual([2, 1, KEY_USES_MAX - 2]);
  });

  it('spends no use on what is refused before it is encrypted', () => {
    const key = keyOf({ usesMax: 1 });
    expect(faultOf(() => sealField(key, { ...CONTEXT, row: '' }, PLAINTEXT))).toBe('CONTEXT_MALFORMED');
    expect(faultOf(() => sealField(key, CONTEXT, Buffer.alloc(FIELD_BYTES_MAX + 1)))).toBe('FIELD_TOO_LARGE');
    expect(key.usesLeft).toBe(1);
  });

  it('gives out exactly the lease to callers that take turns', async () => {
    const key = keyOf({ usesMax: 1000 });
    const caller = async (): Promise<number> => {
      for (let done = 0; ; done++) {
        await Promise.resolve();
        if (faultOf(() => sealField(key, CONTEXT, PLAINTEXT)) === 'KEY_EXHAUSTED') return done;
      }
    };
    const counts = await Promise.all(Array.from({ length: 16 }, caller));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
  });

  it('is below 2^32 when nobody names a lease (NIST SP 800-38D section 8.3)', () => {
    expect(keyOf().usesMax).toBe(2 ** 32 - 1);
  });
});

describe('a key', () => {
  it('shows neither in JSON nor when printed', () => {
    for (const key of [keyOf(), blindIndexKey({ version: 1, bytes: bytes(KEY_HEX) })]) {
      const shown = JSON.stringify(key) + inspect(key, { depth: 9, showHidden: true });
      expect(shown).not.toMatch(/00010203|AAECAwQ|<Buffer|KeyObject/);
    }
  });

  it('is a copy: who brought the bytes zeroes them', () => {
    const brought = bytes(KEY_HEX);
    const key = fieldKey({ keyId: 'dk_a_1', bytes: brought });
    brought.fill(0);
    expect(openField(key, CONTEXT, text)).toEqual(PLAINTEXT);
  });

  it('cannot be forged from its public face', () => {
    const { keyId, usesMax } = keyOf();
    expect(() => sealField({ keyId, usesMax } as never, CONTEXT, PLAINTEXT)).toThrow(TypeError);
  });
});

describe('messages', () => {
  it('hold nothing of the value, the key or the context', () => {
    const faults = [...TEXTS, ...CONTEXTS, ...KEYS].map(([, , run]) => {
      try {
        return String(run());
      } catch (error) {
        return (error as EnvelopeFault).message;
      }
    });
    expect(faults.join('\n')).not.toMatch(new RegExp(`secret|acme|national_id|row-1|alice|${hex(PLAINTEXT)}|${KEY_HEX.slice(0, 16)}`));
  });

  it('a field that parses shows its parts', () => {
    const { version, keyId, iv, tag, ciphertext } = parseField(text);
    expect([version, keyId, iv.length, tag.length, ciphertext.length]).toEqual(['v2', 'dk_a_1', 12, 16, PLAINTEXT.length]);
  });
});

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { formatNkey, formatNkeySeed, formatX25519, MessageFault, nkeyPrivateKey, nkeyPublicKey, openReply, openSealedReply, sealReply, signReply, signRequest, splitMessage, verifyRequest } from '@countersign/envelope';
import { createUser, fromSeed } from '@nats-io/nkeys';

const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof MessageFault) return error.code;
    throw error;
  }
  return 'none';
};

const x25519 = (byte: number) => {
  const privateKey = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), Buffer.alloc(32, byte)]), format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
};

describe('an nkey', () => {
  const user = createUser();
  const seed = new TextDecoder().decode(user.getSeed());

  it('is the same key as for the library of NATS', () => {
    const key = nkeyPrivateKey(seed);
    expect(formatNkey(key)).toBe(user.getPublicKey());
    expect(formatNkey(nkeyPublicKey(user.getPublicKey()))).toBe(user.getPublicKey());
  });

  it('made of random bytes is one for the library of NATS too, of the same key', () => {
    const made = formatNkeySeed(Buffer.alloc(32, 7));
    const theirs = fromSeed(new TextEncoder().encode(made));
    expect(new TextDecoder().decode(theirs.getSeed())).toBe(made);
    expect(formatNkey(nkeyPrivateKey(made))).toBe(theirs.getPublicKey());
    expect(() => formatNkeySeed(Buffer.alloc(31))).toThrow(new RangeError('a seed is made of 32 bytes'));
  });

  it.each([
    ['nothing', ''],
    ['a public key where a seed belongs', user.getPublicKey()],
    ['a character changed', seed.slice(0, 20) + (seed[20] === 'A' ? 'B' : 'A') + seed.slice(21)],
    ['lower case', seed.toLowerCase()],
    ['a character too few', seed.slice(0, -1)],
  ])('is refused: %s', (_what, text) => {
    expect(codeOf(() => nkeyPrivateKey(text))).toBe('NKEY_MALFORMED');
  });

  it('is refused as a public key when it is a seed', () => {
    expect(codeOf(() => nkeyPublicKey(seed))).toBe('NKEY_MALFORMED');
  });
});

describe('a signed message', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const request = signRequest(Buffer.from('{"a":1}'), privateKey);
  const reply = signReply(Buffer.from('{"b":2}'), request, privateKey);

  it('opens with its key', () => {
    expect(() => verifyRequest(splitMessage(request), publicKey)).not.toThrow();
    expect(openReply(reply, request, publicKey).toString()).toBe('{"b":2}');
  });

  it('is refused with any byte changed', () => {
    for (let at = 0; at < request.length; at++) {
      const changed = Buffer.from(request);
      changed[at] = changed[at]! ^ 1;
      expect(['MESSAGE_MALFORMED', 'MESSAGE_SIGNATURE_INVALID']).toContain(codeOf(() => verifyRequest(splitMessage(changed), publicKey)));
      const answer = codeOf(() => openReply(reply, changed, publicKey));
      expect(answer).toBe('MESSAGE_SIGNATURE_INVALID');
    }
  });

  it('as a request never passes for a reply', () => {
    expect(codeOf(() => openReply(request, request, publicKey))).toBe('MESSAGE_SIGNATURE_INVALID');
    expect(codeOf(() => verifyRequest(splitMessage(reply), publicKey))).toBe('MESSAGE_SIGNATURE_INVALID');
  });
});

describe('a sealed reply', () => {
  const asker = x25519(1);
  const answerer = x25519(2);
  const context = { nonce: 'AAAAAAAAAAAAAAAAAAAAAA', service: 'ledger', operation: 'data-key' };
  const key = Buffer.alloc(32, 7);
  const sealed = sealReply({ keyId: 'dk_1' }, [key], formatX25519(asker.publicKey), answerer, context);

  it('is this text for these keys', () => {
    expect(sealed).toEqual({
      ephemeral: 'zo060cy2M-x7cMF4FKXHbs0CloUFDTRHRboFhw5YfVk',
      box: 'y8OkVTBuN0W2OPf6yu9rGWCHS3MnvxKRZdlXwhSG3qX2TWpcjWt_uRuq08AKs5EfIkkZehgv55fcnFAc-LFMcUUvuDk',
    });
  });

  it('gives result and keys to the asker', () => {
    expect(openSealedReply(sealed, asker, context)).toEqual({ result: { keyId: 'dk_1' }, keys: [key] });
  });

  it.each([
    ['another nonce', { ...context, nonce: 'AAAAAAAAAAAAAAAAAAAAAQ' }],
    ['another service', { ...context, service: 'edge' }],
    ['another operation', { ...context, operation: 'unwrap' }],
  ])('opens for no %s', (_what, other) => {
    expect(codeOf(() => openSealedReply(sealed, asker, other))).toBe('SEAL_NOT_AUTHENTIC');
  });

  it('opens for no other key, and with no byte changed', () => {
    expect(codeOf(() => openSealedReply(sealed, x25519(3), context))).toBe('SEAL_NOT_AUTHENTIC');
    const box = Buffer.from(sealed.box, 'base64url');
    for (let at = 0; at < box.length; at++) {
      const changed = Buffer.from(box);
      changed[at] = changed[at]! ^ 0x80;
      expect(codeOf(() => openSealedReply({ ...sealed, box: changed.toString('base64url') }, asker, context))).toBe('SEAL_NOT_AUTHENTIC');
    }
  });

  it.each([
    ['a box that is too short', { ...sealed, box: 'AAAA' }],
    ['a box with padding', { ...sealed, box: `${sealed.box}=` }],
    ['an ephemeral key of 31 bytes', { ...sealed, ephemeral: Buffer.alloc(31, 9).toString('base64url') }],
    ['an ephemeral key of small order', { ...sealed, ephemeral: Buffer.alloc(32).toString('base64url') }],
  ])('is malformed with %s', (_what, other) => {
    expect(codeOf(() => openSealedReply(other, asker, context))).toBe('SEAL_MALFORMED');
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  ed25519CosignedMessage,
  formatCheckpoint,
  formatCheckpointBody,
  mlDsa44CosignedMessage,
  parseCheckpoint,
  parseCosignature,
  parseVkey,
  verifyCheckpoint,
  verifyCosignatures,
} from '../src/index.js';
import type { CosignatureType, FaultCode } from '../src/index.js';
import { bytes, faultOf, hex, vectorsOf } from './vectors.js';

type Input =
  | { readonly operation: 'parse'; readonly note: string }
  | { readonly operation: 'verify'; readonly note: string; readonly origin: string; readonly vkeys: readonly string[] }
  | { readonly operation: 'cosignatures'; readonly note: string; readonly witnesses: readonly string[] }
  | { readonly operation: 'cosignature-time'; readonly type: CosignatureType; readonly signature: string }
  | { readonly operation: 'ed25519-message'; readonly timestampSeconds: number; readonly text: string }
  | {
      readonly operation: 'ml-dsa-44-message';
      readonly cosignerName: string;
      readonly timestampSeconds: number;
      readonly origin: string;
      readonly treeSize: number;
      readonly root: string;
    };

function perform(input: Input): unknown {
  switch (input.operation) {
    case 'parse':
      return parse(input.note);
    case 'verify':
      return verify(input);
    case 'cosignatures': {
      const cosigners = verifyCosignatures(parseCheckpoint(input.note), input.witnesses.map(parseVkey));
      return { cosigners: cosigners.map(({ name, timestampSeconds }) => ({ name, timestampSeconds })) };
    }
    case 'cosignature-time':
      return { timestampSeconds: parseCosignature(input.type, bytes(input.signature)).timestampSeconds };
    case 'ed25519-message':
      return { message: hex(ed25519CosignedMessage(input.text, input.timestampSeconds)) };
    case 'ml-dsa-44-message':
      return { message: hex(mlDsa44CosignedMessage(input.cosignerName, { ...input, root: bytes(input.root) }, input.timestampSeconds)) };
  }
}

function parse(note: string): unknown {
  const { origin, treeSize, root, extensions, signatures } = parseCheckpoint(note);
  if (extensions.length === 0) expect(formatCheckpoint({ origin, treeSize, root }, signatures)).toBe(note);
  return { origin, treeSize, root: hex(root), extensions };
}

function verify(input: Input & { operation: 'verify' }): unknown {
  const vkeys = input.vkeys.map(parseVkey);
  const verified = verifyCheckpoint(input.note, { origin: input.origin, vkeys });
  expect(verifyCheckpoint(Buffer.from(input.note), { origin: input.origin, vkeys })).toEqual(verified);
  expect(verified.verifiedBy.map(({ name, keyId }) => ({ name, keyId }))).toEqual(vkeys.map(({ name, keyId }) => ({ name, keyId })));
  const { treeSize, root, timestampSeconds } = verified;
  return timestampSeconds === undefined ? { treeSize, root: hex(root) } : { treeSize, root: hex(root), timestampSeconds };
}

describe('checkpoints', () => {
  it.each(vectorsOf<Input, unknown>('checkpoints/valid'))('$why', ({ input, expect: expected }) => {
    expect(perform(input)).toEqual(expected);
  });
});

describe('checkpoints that are refused', () => {
  it.each(vectorsOf<Input, { fault: FaultCode }>('checkpoints/invalid'))('$why', async ({ input, expect: { fault } }) => {
    expect(await faultOf(() => perform(input))).toBe(fault);
  });

  const head = { origin: 'audit.example.com/acme', treeSize: 1, root: Buffer.alloc(32, 1) };
  it.each([
    ['an empty origin', { ...head, origin: '' }],
    ['an origin of two lines', { ...head, origin: 'a\nb' }],
    ['an origin of 256 bytes', { ...head, origin: 'é'.repeat(128) }],
    ['an origin with half a surrogate pair', { ...head, origin: '\ud800' }],
    ['a negative size', { ...head, treeSize: -1 }],
    ['a size of 2^53', { ...head, treeSize: 2 ** 53 }],
    ['a root of 31 bytes', { ...head, root: Buffer.alloc(31) }],
    ['another root than the empty tree’s at size 0', { ...head, treeSize: 0 }],
  ])('no checkpoint is written with %s', async (_name, bad) => {
    expect(await faultOf(() => formatCheckpointBody(bad))).toBe('CHECKPOINT_MALFORMED');
  });

  it.each([
    ['a time before 1970', 'cosigner', -1],
    ['a fraction of a second', 'cosigner', 1.5],
    ['a cosigner without a name', '', 1],
    ['a cosigner name of 256 bytes', 'n'.repeat(256), 1],
  ])('no cosigned message is made for %s', async (_name, cosigner, time) => {
    expect(await faultOf(() => mlDsa44CosignedMessage(cosigner, head, time))).toBe('COSIGNATURE_MALFORMED');
  });
});

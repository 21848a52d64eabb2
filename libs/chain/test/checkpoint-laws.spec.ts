import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  SIGNATURE_TYPE,
  ed25519Cosignature,
  ed25519NoteSignature,
  formatCheckpoint,
  formatCheckpointBody,
  formatVkey,
  isNoteSignatureValid,
  mlDsa44Cosignature,
  parseCheckpoint,
  parseVkey,
  verifyCheckpoint,
  verifyCosignatures,
  vkeyOf,
} from '../src/index.js';
import type { TreeHead } from '../src/index.js';
import { faultOf } from './vectors.js';

const ORIGIN = 'audit.example.com/acme';
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const mlDsa44 = generateKeyPairSync('ml-dsa-44').privateKey;
const keys = {
  origin: ORIGIN,
  vkeys: [
    parseVkey(formatVkey(ORIGIN, SIGNATURE_TYPE.ed25519, ed25519)),
    parseVkey(formatVkey(ORIGIN, SIGNATURE_TYPE.mlDsa44Cosignature, mlDsa44)),
  ],
};

function sealed(head: TreeHead, timestampSeconds: number): string {
  const text = formatCheckpointBody(head);
  return formatCheckpoint(head, [
    ed25519NoteSignature(head.origin, ed25519, text),
    mlDsa44Cosignature(head.origin, mlDsa44, head, timestampSeconds),
  ]);
}

const note = sealed({ origin: ORIGIN, treeSize: 12_345, root: Buffer.alloc(32, 7) }, 1_764_547_200);
const REFUSED = ['NOTE_MALFORMED', 'CHECKPOINT_MALFORMED', 'CHECKPOINT_ORIGIN_MISMATCH', 'CHECKPOINT_SIGNATURE_MISSING', 'CHECKPOINT_SIGNATURE_INVALID'];

describe('a checkpoint under both keys', () => {
  it('any tree head is verified as it was signed', () => {
    const sizes = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(sizes, fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 1, max: 2 ** 40 }), (treeSize, hash, at) => {
        const root = Buffer.from(hash);
        const { verifiedBy, ...head } = verifyCheckpoint(sealed({ origin: ORIGIN, treeSize, root }, at), keys);
        expect(head).toEqual({ origin: ORIGIN, treeSize, root, timestampSeconds: at });
        expect(verifiedBy).toHaveLength(2);
      }),
      { numRuns: 20 },
    );
  });

  it('fails without any one of its characters', async () => {
    for (let at = 0; at < note.length; at++) {
      const shorter = note.slice(0, at) + note.slice(at + 1);
      expect(REFUSED).toContain(await faultOf(() => verifyCheckpoint(shorter, keys)));
    }
  });

  it('fails with any one character replaced', async () => {
    const character = fc.oneof(fc.constantFrom(...note), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }));
    await fc.assert(
      fc.asyncProperty(fc.nat(note.length - 1), character, async (at, other) => {
        fc.pre(note[at] !== other);
        const altered = note.slice(0, at) + other + note.slice(at + 1);
        expect(REFUSED).toContain(await faultOf(() => verifyCheckpoint(altered, keys)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('fails with any one character put in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(note.length), fc.constantFrom(...note), async (at, more) => {
        const altered = note.slice(0, at) + more + note.slice(at);
        expect(REFUSED).toContain(await faultOf(() => verifyCheckpoint(altered, keys)));
      }),
      { numRuns: 500 },
    );
  });

  it('fails with any one bit of its bytes flipped', async () => {
    const bytes = Buffer.from(note);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const altered = Buffer.from(bytes);
        altered[at]! ^= 1 << bit;
        expect(REFUSED).toContain(await faultOf(() => verifyCheckpoint(altered, keys)));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('witnesses', () => {
  it('cosign with either algorithm, and the log’s own verification ignores them', () => {
    const head = parseCheckpoint(note);
    const witnesses = [
      parseVkey(formatVkey('witness.example/w4', SIGNATURE_TYPE.ed25519Cosignature, ed25519)),
      parseVkey(formatVkey('witness.example/w6', SIGNATURE_TYPE.mlDsa44Cosignature, mlDsa44)),
    ];
    const cosigned = formatCheckpoint(head, [
      ...head.signatures,
      ed25519Cosignature('witness.example/w4', ed25519, head.text, 17),
      mlDsa44Cosignature('witness.example/w6', mlDsa44, head, 0),
    ]);
    expect(verifyCosignatures(parseCheckpoint(cosigned), witnesses)).toEqual([
      { name: 'witness.example/w4', keyId: witnesses[0]!.keyId, type: 0x04, timestampSeconds: 17 },
      { name: 'witness.example/w6', keyId: witnesses[1]!.keyId, type: 0x06 },
    ]);
    expect(verifyCheckpoint(cosigned, keys).treeSize).toBe(12_345);
    const byAll = verifyCheckpoint(cosigned, { origin: ORIGIN, vkeys: [...keys.vkeys, ...witnesses] });
    expect(byAll.verifiedBy.map(({ timestampSeconds }) => timestampSeconds)).toEqual([undefined, 1_764_547_200, 17, undefined]);
    expect(byAll.timestampSeconds).toBe(17);
  });

  it('a plain note signature never passes for another type of the same key', () => {
    const { text, signatures } = parseCheckpoint(note);
    const witness = vkeyOf(ORIGIN, SIGNATURE_TYPE.ed25519Cosignature, ed25519);
    expect(isNoteSignatureValid(keys.vkeys[0]!, text, signatures[0]!.signature)).toBe(true);
    expect(isNoteSignatureValid(witness, text, signatures[0]!.signature)).toBe(false);
  });
});

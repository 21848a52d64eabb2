import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  buildConsistencyProof,
  buildInclusionProof,
  consistencyProofOf,
  inclusionPathOf,
  rootOf,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.js';
import type { ConsistencyClaim, InclusionClaim } from '../src/index.js';
import { DefinedTiles, equalTree, leafHashesOf } from './defined-tiles.js';
import { faultOf } from './vectors.js';

const LEAVES = leafHashesOf(600);

const ROOTS = Array.from({ length: LEAVES.length + 1 }, (_, size) => rootOf(LEAVES.slice(0, size)));
const TILES = new DefinedTiles(LEAVES);

async function inclusionClaim(leafIndex: number, treeSize: number): Promise<InclusionClaim> {
  const proof = await buildInclusionProof(TILES, leafIndex, treeSize);
  return { leafIndex, treeSize, leafHash: LEAVES[leafIndex]!, proof, root: ROOTS[treeSize]! };
}

async function consistencyClaim(oldSize: number, newSize: number): Promise<ConsistencyClaim> {
  const proof = await buildConsistencyProof(TILES, oldSize, newSize);
  return { oldSize, oldRoot: ROOTS[oldSize]!, newSize, newRoot: ROOTS[newSize]!, proof };
}

/** An index below a size, the size at most `max`. */
const leafOfTree = (max: number) =>
  fc.integer({ min: 1, max }).chain((treeSize) => fc.tuple(fc.integer({ min: 0, max: treeSize - 1 }), fc.constant(treeSize)));

function flipped(hash: Uint8Array, at: number, bits: number): Buffer {
  const copy = Buffer.from(hash);
  copy[at % copy.length]! ^= bits;
  return copy;
}

describe('trees from tiles', () => {
  it('the root equals the definition for sizes 0 to 600', async () => {
    for (let size = 0; size <= 600; size++) {
      const root = await treeRoot(new DefinedTiles(LEAVES.slice(0, size)), size);
      expect([size, root]).toEqual([size, ROOTS[size]]);
    }
  });

  it('an older root is found in the tiles of a grown tree', async () => {
    for (const size of [1, 255, 256, 257, 511, 512, 513, 599]) {
      expect(await treeRoot(TILES, size)).toEqual(ROOTS[size]);
    }
  });
});

describe('inclusion proofs', () => {
  it('every leaf of every tree up to 40 has the proof of the definition, and it verifies', async () => {
    for (let treeSize = 1; treeSize <= 40; treeSize++) {
      for (let leafIndex = 0; leafIndex < treeSize; leafIndex++) {
        const claim = await inclusionClaim(leafIndex, treeSize);
        expect(claim.proof).toEqual(inclusionPathOf(leafIndex, LEAVES.slice(0, treeSize)));
        verifyInclusion(claim);
      }
    }
  });

  it('any leaf of any tree up to 600 has the proof of the definition, and it verifies', async () => {
    await fc.assert(
      fc.asyncProperty(leafOfTree(600), async ([leafIndex, treeSize]) => {
        const claim = await inclusionClaim(leafIndex, treeSize);
        expect(claim.proof).toEqual(inclusionPathOf(leafIndex, LEAVES.slice(0, treeSize)));
        verifyInclusion(claim);
      }),
    );
  });

  it('one changed byte of leaf, root or proof fails', async () => {
    const part = fc.nat();
    await fc.assert(
      fc.asyncProperty(leafOfTree(300), part, fc.nat(31), fc.integer({ min: 1, max: 255 }), async (leaf, which, at, bits) => {
        const claim = await inclusionClaim(...leaf);
        const target = which % (claim.proof.length + 2);
        const altered = {
          ...claim,
          leafHash: target === 0 ? flipped(claim.leafHash, at, bits) : claim.leafHash,
          root: target === 1 ? flipped(claim.root, at, bits) : claim.root,
          proof: claim.proof.map((hash, i) => (target === i + 2 ? flipped(hash, at, bits) : hash)),
        };
        expect(await faultOf(() => verifyInclusion(altered))).toBe('PROOF_ROOT_MISMATCH');
      }),
    );
  });

  it('one hash more or less fails', async () => {
    await fc.assert(
      fc.asyncProperty(leafOfTree(300), async ([leafIndex, treeSize]) => {
        const claim = await inclusionClaim(leafIndex, treeSize);
        const longer = { ...claim, proof: [...claim.proof, claim.root] };
        expect(await faultOf(() => verifyInclusion(longer))).toBe('PROOF_WRONG_LENGTH');
        const shorter = { ...claim, proof: claim.proof.slice(0, -1) };
        expect(await faultOf(() => verifyInclusion(shorter))).toBe(treeSize === 1 ? undefined : 'PROOF_WRONG_LENGTH');
      }),
    );
  });

  it('the proof of one leaf never proves another', async () => {
    await fc.assert(
      fc.asyncProperty(leafOfTree(300), fc.nat(), async ([leafIndex, treeSize], other) => {
        fc.pre(other % treeSize !== leafIndex);
        const claim = { ...(await inclusionClaim(leafIndex, treeSize)), leafIndex: other % treeSize };
        expect(['PROOF_ROOT_MISMATCH', 'PROOF_WRONG_LENGTH']).toContain(await faultOf(() => verifyInclusion(claim)));
      }),
    );
  });
});

describe('consistency proofs', () => {
  it('every pair of sizes up to 40 has the proof of the definition, and it verifies', async () => {
    for (let newSize = 0; newSize <= 40; newSize++) {
      for (let oldSize = 0; oldSize <= newSize; oldSize++) {
        const claim = await consistencyClaim(oldSize, newSize);
        expect(claim.proof).toEqual(oldSize === 0 ? [] : consistencyProofOf(oldSize, LEAVES.slice(0, newSize)));
        verifyConsistency(claim);
      }
    }
  });

  it('any pair of sizes up to 600 has the proof of the definition, and it verifies', async () => {
    await fc.assert(
      fc.asyncProperty(leafOfTree(600), async ([smaller, newSize]) => {
        const claim = await consistencyClaim(smaller + 1, newSize);
        expect(claim.proof).toEqual(consistencyProofOf(smaller + 1, LEAVES.slice(0, newSize)));
        verifyConsistency(claim);
      }),
    );
  });

  it('one changed byte of a root or of the proof fails', async () => {
    await fc.assert(
      fc.asyncProperty(leafOfTree(300), fc.nat(), fc.nat(31), fc.integer({ min: 1, max: 255 }), async (sizes, which, at, bits) => {
        fc.pre(sizes[0] > 0);
        const claim = await consistencyClaim(...sizes);
        const target = which % (claim.proof.length + 2);
        const altered = {
          ...claim,
          oldRoot: target === 0 ? flipped(claim.oldRoot, at, bits) : claim.oldRoot,
          newRoot: target === 1 ? flipped(claim.newRoot, at, bits) : claim.newRoot,
          proof: claim.proof.map((hash, i) => (target === i + 2 ? flipped(hash, at, bits) : hash)),
        };
        expect(await faultOf(() => verifyConsistency(altered))).toBe('CONSISTENCY_ROOT_MISMATCH');
      }),
    );
  });

  it('a rewritten leaf before the old size is never consistent, whatever the new tree’s honest proof', async () => {
    await fc.assert(
      fc.asyncProperty(leafOfTree(200), fc.nat(), async ([smaller, newSize], where) => {
        const oldSize = smaller + 1;
        fc.pre(oldSize < newSize);
        const honest = await consistencyClaim(oldSize, newSize);
        const rewritten = LEAVES.slice(0, newSize);
        rewritten[where % oldSize] = LEAVES[599]!;
        const proof = await buildConsistencyProof(new DefinedTiles(rewritten), oldSize, newSize);
        const claim = { ...honest, newRoot: rootOf(rewritten), proof };
        expect(await faultOf(() => verifyConsistency(claim))).toBe('CONSISTENCY_ROOT_MISMATCH');
      }),
    );
  });
});

describe('sizes beyond 32 bits', () => {
  const largeSize = fc.oneof(fc.integer({ min: 2 ** 31, max: 2 ** 34 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));

  it('inclusion proofs built from tiles verify', async () => {
    await fc.assert(
      fc.asyncProperty(largeSize, fc.maxSafeNat(), async (treeSize, any) => {
        const leafIndex = any % treeSize;
        const proof = await buildInclusionProof(equalTree, leafIndex, treeSize);
        verifyInclusion({ leafIndex, treeSize, leafHash: equalTree.leafHash, proof, root: equalTree.rootOf(treeSize) });
        expect(proof.length).toBeLessThanOrEqual(53);
      }),
      { numRuns: 30 },
    );
  });

  it('consistency proofs built from tiles verify', async () => {
    await fc.assert(
      fc.asyncProperty(largeSize, fc.maxSafeNat(), async (newSize, any) => {
        const oldSize = (any % newSize) + 1;
        const proof = await buildConsistencyProof(equalTree, oldSize, newSize);
        verifyConsistency({ oldSize, oldRoot: equalTree.rootOf(oldSize), newSize, newRoot: equalTree.rootOf(newSize), proof });
        expect(await treeRoot(equalTree, newSize)).toEqual(equalTree.rootOf(newSize));
      }),
      { numRuns: 30 },
    );
  });
});

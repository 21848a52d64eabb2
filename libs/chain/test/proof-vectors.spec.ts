import { describe, expect, it } from '@jest/globals';
import {
  buildConsistencyProof,
  buildInclusionProof,
  consistencyProofOf,
  inclusionPathOf,
  leafHash,
  rootOf,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
} from '../src/index.js';
import type { FaultCode } from '../src/index.js';
import { DefinedTiles } from './defined-tiles.js';
import { bytes, faultOf, hex, vectorsOf } from './vectors.js';

interface InclusionInput {
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly leafHash: string;
  readonly entry: string;
  readonly proof: readonly string[];
  readonly root: string;
}
interface ConsistencyInput {
  readonly oldSize: number;
  readonly oldRoot: string;
  readonly newSize: number;
  readonly newRoot: string;
  readonly proof: readonly string[];
}
interface TreeInput {
  readonly leaves: readonly string[];
}
type VerifyInput =
  | (InclusionInput & { readonly operation: 'verify-inclusion' | 'verify-inclusion-of-entry' })
  | (ConsistencyInput & { readonly operation: 'verify-consistency' });
type ProveInput = TreeInput &
  (
    | { readonly operation: 'root' }
    | { readonly operation: 'prove-inclusion'; readonly leafIndex: number }
    | { readonly operation: 'prove-consistency'; readonly oldSize: number }
  );

function verify(input: VerifyInput): void {
  const proof = input.proof.map(bytes);
  if (input.operation === 'verify-consistency') {
    verifyConsistency({ ...input, proof, oldRoot: bytes(input.oldRoot), newRoot: bytes(input.newRoot) });
  } else {
    const leaf = input.operation === 'verify-inclusion' ? bytes(input.leafHash) : leafHash(bytes(input.entry));
    verifyInclusion({ ...input, proof, leafHash: leaf, root: bytes(input.root) });
  }
}

async function prove(input: ProveInput): Promise<unknown> {
  const leafHashes = input.leaves.map((leaf) => leafHash(bytes(leaf)));
  const treeSize = leafHashes.length;
  const tiles = new DefinedTiles(leafHashes);
  const root = hex(await treeRoot(tiles, treeSize));
  expect(hex(rootOf(leafHashes))).toBe(root);
  if (input.operation === 'root') return { root };
  if (input.operation === 'prove-inclusion') {
    const proof = await buildInclusionProof(tiles, input.leafIndex, treeSize);
    expect(inclusionPathOf(input.leafIndex, leafHashes)).toEqual(proof);
    verifyInclusion({ leafIndex: input.leafIndex, treeSize, leafHash: leafHashes[input.leafIndex]!, proof, root: bytes(root) });
    return { proof: proof.map(hex), root };
  }
  const oldRoot = rootOf(leafHashes.slice(0, input.oldSize));
  const proof = await buildConsistencyProof(tiles, input.oldSize, treeSize);
  expect(consistencyProofOf(input.oldSize, leafHashes)).toEqual(proof);
  verifyConsistency({ oldSize: input.oldSize, oldRoot, newSize: treeSize, newRoot: bytes(root), proof });
  return { proof: proof.map(hex), oldRoot: hex(oldRoot), newRoot: root };
}

describe('proofs that hold', () => {
  it.each(vectorsOf<VerifyInput | ProveInput, unknown>('proofs/valid'))('$why', async ({ input, expect: expected }) => {
    if ('leaves' in input) expect(await prove(input)).toEqual(expected);
    else expect(await faultOf(() => verify(input))).toBeUndefined();
  });
});

describe('proofs that do not hold', () => {
  it.each(vectorsOf<VerifyInput, { fault: FaultCode }>('proofs/invalid'))('$why', async ({ input, expect: { fault } }) => {
    expect(await faultOf(() => verify(input))).toBe(fault);
  });
});

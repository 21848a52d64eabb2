import { ChainFault } from './fault.js';
import { HASH_BYTES, nodeHashInto } from './hash.js';
import { subtreeHashes } from './subtree-hash.js';
import type { HashSource } from './tile.js';
import { splitPoint } from './tree.js';
import type { LeafRange } from './tree.js';

/** No tree of at most 2^53 - 1 leaves has a longer proof. */
export const PROOF_HASHES_MAX = 53;

export interface InclusionClaim {
  readonly leafIndex: number;
  /** From a signed checkpoint, with the root: a proof alone can fit several sizes. */
  readonly treeSize: number;
  /** SHA-256(0x00 || entry), 32 bytes. */
  readonly leafHash: Uint8Array;
  /** From the leaf's sibling up to the root's child, 32 bytes each. */
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** Root of the tree of `treeSize` leaves, from its tiles (RFC 6962 §2.1). */
export async function treeRoot(source: HashSource, treeSize: number): Promise<Buffer> {
  const [root] = await subtreeHashes(source, treeSize, [{ start: 0, end: treeSize }]);
  return root!;
}

/**
 * Inclusion proof of leaf `leafIndex` in the tree of `treeSize` leaves (RFC 6962 §2.1.1). Throws
 * PROOF_INDEX_OUT_OF_RANGE. The proof is not checked here: verify it against a signed root before handing it out.
 */
export async function buildInclusionProof(source: HashSource, leafIndex: number, treeSize: number): Promise<Buffer[]> {
  requireIndex(leafIndex, treeSize);
  return subtreeHashes(source, treeSize, siblingRanges(leafIndex, treeSize));
}

function siblingRanges(leafIndex: number, treeSize: number): LeafRange[] {
  const siblings: LeafRange[] = [];
  let start = 0;
  let end = treeSize;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (leafIndex < middle) {
      siblings.push({ start: middle, end });
      end = middle;
    } else {
      siblings.push({ start, end: middle });
      start = middle;
    }
  }
  return siblings.reverse();
}

/**
 * Checks that a leaf is in a tree (RFC 9162 §2.1.3.2, the same tree as RFC 6962's). Throws PROOF_INDEX_OUT_OF_RANGE,
 * PROOF_MALFORMED for a hash that is not 32 bytes, PROOF_WRONG_LENGTH or PROOF_ROOT_MISMATCH.
 */
export function verifyInclusion(claim: InclusionClaim): void {
  requireHash(claim.root, 'root');
  const computed = rootFromInclusionProof(claim);
  if (!computed.equals(claim.root)) {
    throw new ChainFault('PROOF_ROOT_MISMATCH', 'inclusion proof leads to another root', {
      field: 'proof',
      leafIndex: claim.leafIndex,
      treeSize: claim.treeSize,
    });
  }
}

/** The root that a leaf and its proof lead to. Throws as {@link verifyInclusion} does, except PROOF_ROOT_MISMATCH. */
export function rootFromInclusionProof(claim: Omit<InclusionClaim, 'root'>): Buffer {
  const { leafIndex, treeSize, leafHash, proof } = claim;
  requireIndex(leafIndex, treeSize);
  requireHash(leafHash, 'leafHash');
  // fn and sn of RFC 9162, halved instead of shifted: bit operators stop at 2^32.
  let fn = leafIndex;
  let sn = treeSize - 1;
  const r = Buffer.from(leafHash);
  for (const sibling of proof) {
    requireHash(sibling, 'proof');
    if (sn === 0) throw wrongLength(claim);
    if (fn % 2 === 1 || fn === sn) {
      nodeHashInto(sibling, 0, r, 0, r, 0);
      while (fn % 2 === 0 && fn !== 0) {
        fn = fn / 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      nodeHashInto(r, 0, sibling, 0, r, 0);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw wrongLength(claim);
  return r;
}

function requireIndex(leafIndex: number, treeSize: number): void {
  if (Number.isSafeInteger(leafIndex) && Number.isSafeInteger(treeSize) && leafIndex >= 0 && leafIndex < treeSize) return;
  throw new ChainFault('PROOF_INDEX_OUT_OF_RANGE', `leaf ${leafIndex} is not in a tree of ${treeSize}`, { leafIndex, treeSize });
}

function requireHash(hash: Uint8Array, field: string): void {
  if (hash.length === HASH_BYTES) return;
  throw new ChainFault('PROOF_MALFORMED', `${field}: a hash of ${hash.length} bytes instead of ${HASH_BYTES}`, { field });
}

function wrongLength({ leafIndex, treeSize, proof }: Omit<InclusionClaim, 'root'>): ChainFault {
  const message = `${proof.length} hashes are not an inclusion proof of leaf ${leafIndex} in a tree of ${treeSize}`;
  return new ChainFault('PROOF_WRONG_LENGTH', message, { field: 'proof', leafIndex, treeSize });
}

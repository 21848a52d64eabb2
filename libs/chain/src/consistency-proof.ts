import { ChainFault } from './fault.js';
import { EMPTY_ROOT, HASH_BYTES, nodeHashInto } from './hash.js';
import { subtreeHashes } from './subtree-hash.js';
import type { HashSource } from './tile.js';
import { splitPoint } from './tree.js';
import type { LeafRange } from './tree.js';

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  /** In the order of RFC 6962 §2.1.2, 32 bytes each. */
  readonly proof: readonly Uint8Array[];
}

/**
 * Proof that the tree of `newSize` leaves extends the tree of `oldSize` leaves (RFC 6962 §2.1.2). Empty for equal sizes
 * and for an empty old tree, which every tree extends. Throws CONSISTENCY_SIZE_DECREASES, or PROOF_MALFORMED for a size
 * that is none. The proof is not checked here: verify it against signed roots before handing it out.
 */
export async function buildConsistencyProof(source: HashSource, oldSize: number, newSize: number): Promise<Buffer[]> {
  requireSizes(oldSize, newSize);
  if (oldSize === 0 || oldSize === newSize) return [];
  return subtreeHashes(source, newSize, proofRanges(oldSize, newSize));
}

function proofRanges(oldSize: number, newSize: number): LeafRange[] {
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = newSize;
  while (oldSize < end) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // The verifier holds the old root itself when the old tree is this whole left part (b = true in RFC 6962).
  if (start !== 0) ranges.push({ start, end });
  return ranges.reverse();
}

/**
 * Checks that nothing before `oldSize` changed between two roots (RFC 9162 §2.1.4.2, the same tree as RFC 6962's). Throws
 * CONSISTENCY_SIZE_DECREASES, CONSISTENCY_WRONG_LENGTH, CONSISTENCY_ROOT_MISMATCH, or PROOF_MALFORMED for a size or a
 * hash that is none.
 */
export function verifyConsistency(claim: ConsistencyClaim): void {
  const { oldSize, oldRoot, newSize, newRoot, proof } = claim;
  requireSizes(oldSize, newSize);
  for (const hash of [oldRoot, newRoot, ...proof]) requireHash(hash);
  if (oldSize === 0 || oldSize === newSize) {
    if (proof.length !== 0) throw wrongLength(claim);
    const expected = oldSize === 0 ? EMPTY_ROOT : newRoot;
    if (!equal(oldRoot, expected)) throw mismatch(claim, 'oldRoot');
    if (newSize === 0 && !equal(newRoot, EMPTY_ROOT)) throw mismatch(claim, 'newRoot');
    return;
  }
  const computed = rootsFromProof(claim);
  if (!computed.oldRoot.equals(oldRoot)) throw mismatch(claim, 'oldRoot');
  if (!computed.newRoot.equals(newRoot)) throw mismatch(claim, 'newRoot');
}

/** Steps 1 to 6 of RFC 9162 §2.1.4.2, for 0 < oldSize < newSize; fn and sn are halved, as bit operators stop at 2^32. */
function rootsFromProof(claim: ConsistencyClaim): { oldRoot: Buffer; newRoot: Buffer } {
  const { oldSize, oldRoot, newSize, proof } = claim;
  if (proof.length === 0) throw wrongLength(claim);
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  const fr = Buffer.from(path[0]!);
  const sr = Buffer.from(path[0]!);
  for (const c of path.slice(1)) {
    if (sn === 0) throw wrongLength(claim);
    if (fn % 2 === 1 || fn === sn) {
      nodeHashInto(c, 0, fr, 0, fr, 0);
      nodeHashInto(c, 0, sr, 0, sr, 0);
      while (fn % 2 === 0 && fn !== 0) {
        fn = fn / 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      nodeHashInto(sr, 0, c, 0, sr, 0);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  if (sn !== 0) throw wrongLength(claim);
  return { oldRoot: fr, newRoot: sr };
}

function isPowerOfTwo(size: number): boolean {
  return size === 1 || splitPoint(size) * 2 === size;
}

function requireSizes(oldSize: number, newSize: number): void {
  for (const size of [oldSize, newSize]) {
    if (!Number.isSafeInteger(size) || size < 0) throw new ChainFault('PROOF_MALFORMED', `${size} is not a tree size`, { field: 'size' });
  }
  if (newSize < oldSize) {
    const message = `a tree of ${newSize} cannot extend a tree of ${oldSize}`;
    throw new ChainFault('CONSISTENCY_SIZE_DECREASES', message, { treeSize: newSize });
  }
}

function requireHash(hash: Uint8Array): void {
  if (hash.length === HASH_BYTES) return;
  throw new ChainFault('PROOF_MALFORMED', `a hash of ${hash.length} bytes instead of ${HASH_BYTES}`, { field: 'proof' });
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function wrongLength({ oldSize, newSize, proof }: ConsistencyClaim): ChainFault {
  const message = `${proof.length} hashes are not a consistency proof from ${oldSize} to ${newSize}`;
  return new ChainFault('CONSISTENCY_WRONG_LENGTH', message, { field: 'proof', treeSize: newSize });
}

function mismatch({ oldSize, newSize }: ConsistencyClaim, field: 'oldRoot' | 'newRoot'): ChainFault {
  const message = `the tree of ${newSize} does not extend the tree of ${oldSize}: ${field} differs`;
  return new ChainFault('CONSISTENCY_ROOT_MISMATCH', message, { field, treeSize: newSize });
}

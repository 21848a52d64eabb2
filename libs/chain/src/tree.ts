import { EMPTY_ROOT, nodeHash } from './hash.js';

/**
 * The tree as RFC 6962 §2.1 defines it, by recursion over all leaf hashes. Slow and obvious on purpose: tests and fsck
 * derive the tree a second time with it, independently of tiles and of the right edge.
 */

/** Leaves `start` (included) to `end` (excluded) of a tree. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** The perfect subtree over leaves `index × 2^height` to `(index + 1) × 2^height`. */
export interface PerfectSubtree {
  readonly height: number;
  readonly index: number;
}

/** Largest power of two smaller than `count`: the k that splits a tree of `count` > 1 leaves (RFC 6962 §2.1). */
export function splitPoint(count: number): number {
  // Doubling, not shifting: sizes reach 2^53 - 1 and bit operators stop at 2^32.
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
}

/** Merkle Tree Hash of a list of 32-byte leaf hashes (RFC 6962 §2.1). */
export function rootOf(leafHashes: readonly Uint8Array[]): Buffer {
  if (leafHashes.length === 0) return Buffer.from(EMPTY_ROOT);
  if (leafHashes.length === 1) return Buffer.from(leafHashes[0]!);
  const k = splitPoint(leafHashes.length);
  return nodeHash(rootOf(leafHashes.slice(0, k)), rootOf(leafHashes.slice(k)));
}

/** Audit path of leaf `leafIndex`, from its sibling up to the root's child (RFC 6962 §2.1.1). */
export function inclusionPathOf(leafIndex: number, leafHashes: readonly Uint8Array[]): Buffer[] {
  if (leafHashes.length <= 1) return [];
  const k = splitPoint(leafHashes.length);
  const left = leafHashes.slice(0, k);
  const right = leafHashes.slice(k);
  return leafIndex < k
    ? [...inclusionPathOf(leafIndex, left), rootOf(right)]
    : [...inclusionPathOf(leafIndex - k, right), rootOf(left)];
}

/** Consistency proof from the first `oldSize` leaves to all of them, for 0 < oldSize < size (RFC 6962 §2.1.2). */
export function consistencyProofOf(oldSize: number, leafHashes: readonly Uint8Array[]): Buffer[] {
  return subproofOf(oldSize, leafHashes, true);
}

function subproofOf(oldSize: number, leafHashes: readonly Uint8Array[], oldIsWholeTree: boolean): Buffer[] {
  if (oldSize === leafHashes.length) return oldIsWholeTree ? [] : [rootOf(leafHashes)];
  const k = splitPoint(leafHashes.length);
  const left = leafHashes.slice(0, k);
  const right = leafHashes.slice(k);
  return oldSize <= k
    ? [...subproofOf(oldSize, left, oldIsWholeTree), rootOf(right)]
    : [...subproofOf(oldSize - k, right, false), rootOf(left)];
}

/**
 * Perfect subtrees that make up a range, left to right. The range must be one that the RFC's splits produce: `start` a
 * multiple of the smallest power of two that is at least its length.
 */
export function perfectSubtrees({ start, end }: LeafRange): PerfectSubtree[] {
  const subtrees: PerfectSubtree[] = [];
  let at = start;
  let rest = end - start;
  let height = rest === 0 ? -1 : Math.floor(Math.log2(rest)) + 1;
  for (; height >= 0; height--) {
    const leaves = 2 ** height;
    if (rest < leaves) continue;
    subtrees.push({ height, index: at / leaves });
    at += leaves;
    rest -= leaves;
  }
  return subtrees;
}

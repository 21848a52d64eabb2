import type { ChainFault, SavedDestructions } from '@countersign/chain';
import type { Ledger } from '../append/head.js';
import type { SignedHead } from '../checkpoint/archive.js';
import type { SavedState } from './saved-state.js';

/** A stretch of one ledger to recompute, and what it is held against. Crosses threads: plain values only. */
export interface SegmentJob {
  /** Connection of the read-only role. */
  readonly databaseUrl: string;
  readonly ledger: Ledger;
  /** Verified, or claimed by the tiles: then the segment before has to end in exactly this state. */
  readonly start: SavedState | undefined;
  readonly endIndex: number;
  /** Heads signed within this stretch, oldest first, from outside the database. */
  readonly signedHeads: readonly SignedHead[];
  /** The first head signed beyond it: it still tells what the entries of this stretch were. */
  readonly nextHead: SignedHead | undefined;
  /** The last signed head at or before the start; 0 when there is none. */
  readonly lastGoodSize: number;
  /** Of the head row, if it stands at the segment's end: tells an altered last entry from a rewritten history. */
  readonly headLastEventHash: string | undefined;
}

export interface SegmentFault {
  readonly code: ChainFault['code'];
  readonly message: string;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

/** `destroyed`: parts of the stretch that are not stored, and statements that stand in it. */
export type SegmentResult = { readonly end: SavedState; readonly destroyed: SavedDestructions } | { readonly fault: SegmentFault };

/** The leaves that a fault accuses: from `detail.leafIndex`, or else `fallback`, to below `detail.treeSize`. */
export function toSegmentFault({ code, message, detail }: ChainFault, fallback: number): SegmentFault {
  const firstIndex = detail.leafIndex ?? fallback;
  const lastIndex = detail.treeSize === undefined ? firstIndex : Math.max(firstIndex, detail.treeSize - 1);
  return { code, message, firstIndex, lastIndex };
}

import { ChainFault, Destructions, TILE_WIDTH, type SavedDestructions } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { SignedHead } from '../checkpoint/archive.js';
import { claimedState, cutSegments } from './claimed-state.js';
import type { VerifyRunner } from './runner.js';
import type { SavedState } from './saved-state.js';
import { toSegmentFault, type SegmentFault, type SegmentResult } from './segment.js';

export interface WalkRequest {
  readonly ledger: Ledger;
  /** Verified, or claimed by the tiles; undefined at the beginning. */
  readonly start: SavedState | undefined;
  readonly fromIndex: number;
  readonly toIndex: number;
  /** What was signed, oldest first; of those beyond `toIndex` the first is of use. */
  readonly heads: readonly SignedHead[];
  /** Of the head row, if it stands at `toIndex`. */
  readonly headLastEventHash: string | undefined;
  /** Of the stretch before, if that was walked for the same judgement. */
  readonly destroyed?: SavedDestructions;
  readonly onProgress?: (state: SavedState, destroyed: SavedDestructions) => Promise<void>;
}

export interface WalkDependencies {
  readonly pool: pg.Pool;
  readonly databaseUrl: string;
  readonly runner: VerifyRunner;
}

export type Walked = { readonly end: SavedState; readonly destroyed: SavedDestructions } | { readonly fault: SegmentFault };

/** Where a stretch starts: a state, the very beginning, or nowhere, as what the state would be taken from is damaged. */
type Start = { readonly state: SavedState | undefined } | { readonly fault: SegmentFault };

/** Verifies stretch after stretch, as many at a time as there are threads, each joined to the one before. */
export async function walk(request: WalkRequest, deps: WalkDependencies): Promise<Walked> {
  const { threads } = deps.runner;
  const cuts = cutSegments(request.fromIndex, request.toIndex, threads);
  const destructions = Destructions.restore(request.destroyed);
  let verified = request.start;
  for (let i = 0; i + 1 < cuts.length; i += threads) {
    const group = cuts.slice(i, i + threads + 1);
    const starts = await startsOf(group.slice(0, -1), request, verified, deps);
    const results = await Promise.all(
      starts.map(async (start, k) => ('fault' in start ? start : verifyStretch(start.state, group[k]!, group[k + 1]!, request, deps))),
    );
    const joined = join(starts, results);
    if ('fault' in joined) return joined;
    verified = joined.end;
    for (const result of results) if ('destroyed' in result) destructions.merge(result.destroyed);
    await request.onProgress?.(verified, destructions.save());
  }
  return { end: verified!, destroyed: destructions.save() };
}

function verifyStretch(start: SavedState | undefined, from: number, endIndex: number, request: WalkRequest, deps: WalkDependencies): Promise<SegmentResult> {
  const { ledger, heads, fromIndex, toIndex, headLastEventHash } = request;
  return deps.runner.segment({
    databaseUrl: deps.databaseUrl,
    ledger,
    start,
    endIndex,
    signedHeads: heads.filter((head) => head.treeSize > from && head.treeSize <= endIndex),
    nextHead: heads.find((head) => head.treeSize > endIndex),
    lastGoodSize: heads.findLast((head) => head.treeSize <= from)?.treeSize ?? fromIndex,
    headLastEventHash: endIndex === toIndex ? headLastEventHash : undefined,
  });
}

async function startsOf(indexes: readonly number[], { ledger }: WalkRequest, verified: SavedState | undefined, { pool }: WalkDependencies): Promise<Start[]> {
  const client = await pool.connect();
  try {
    const starts: Start[] = [];
    for (const index of indexes) {
      starts.push(verified?.index === index ? { state: verified } : await claim(client, ledger, index));
    }
    return starts;
  } finally {
    client.release();
  }
}

async function claim(client: pg.PoolClient, ledger: Ledger, index: number): Promise<Start> {
  try {
    return { state: await claimedState(client, ledger, index) };
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return { fault: toSegmentFault(fault, index - 1) };
  }
}

/** The first fault, or a claim that the stretch before it does not bear out; else the end of the last stretch. */
function join(starts: readonly Start[], results: readonly SegmentResult[]): { readonly end: SavedState } | { readonly fault: SegmentFault } {
  let end: SavedState | undefined;
  for (let k = 0; k < results.length; k++) {
    const start = starts[k]!;
    const result = results[k]!;
    if (end !== undefined && 'state' in start && JSON.stringify(end) !== JSON.stringify(start.state)) {
      return { fault: claimFault(end, start.state!) };
    }
    if ('fault' in result) return result;
    end = result.end;
  }
  return { end: end! };
}

/** Leaf hashes are claimed from the entries themselves, all above from the roots of stored tiles: one of those is false. */
function claimFault({ index, partialTiles }: SavedState, claimed: SavedState): SegmentFault {
  for (let level = partialTiles.length - 1; level > 0; level--) {
    const slot = firstDifference(partialTiles[level]!, claimed.partialTiles[level]!);
    if (slot === undefined) continue;
    const span = TILE_WIDTH ** level;
    const firstIndex = Math.floor(index / (span * TILE_WIDTH)) * span * TILE_WIDTH + slot * span;
    const message = `the tile of level ${level - 1} over entry ${firstIndex} is stored with another root than its entries give`;
    return { code: 'TILE_ROOT_ALTERED', message, firstIndex, lastIndex: firstIndex + span - 1 };
  }
  // Nothing but a change between two reads is left.
  return { code: 'ENTRY_ALTERED', message: `entry ${index - 1} changed while it was verified`, firstIndex: index - 1, lastIndex: index - 1 };
}

const HASH_BYTES = 32;

function firstDifference(a: string, b: string): number | undefined {
  const [one, other] = [Buffer.from(a, 'base64'), Buffer.from(b, 'base64')];
  const byte = one.findIndex((value, i) => value !== other[i]);
  return byte < 0 ? undefined : Math.floor(byte / HASH_BYTES);
}

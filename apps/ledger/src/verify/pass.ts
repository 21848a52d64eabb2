import { ChainFault, formatVkey, verifyCheckpoint, type VerifiedCheckpoint } from '@countersign/chain';
import type { Verdict } from '@countersign/contracts';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { CheckpointArchive, SignedHead } from '../checkpoint/archive.js';
import type { CheckpointSigner } from '../keys/checkpoint-signer.js';
import { claimedState, cutSegments } from './claimed-state.js';
import { firstBadTime } from './first-bad-time.js';
import type { VerifyRunner } from './runner.js';
import type { SavedState } from './saved-state.js';
import { verifyEnds, verifyHeadRow } from './verify-ends.js';
import type { SegmentFault, SegmentResult } from './verify-segment.js';

export interface PassDependencies {
  /** As the read-only role. */
  readonly pool: pg.Pool;
  readonly databaseUrl: string;
  readonly archive: CheckpointArchive;
  readonly signer: Pick<CheckpointSigner, 'vkeys'>;
  readonly runner: VerifyRunner;
  readonly now: () => Date;
}

export interface PassRequest {
  readonly ledger: Ledger;
  readonly kind: Verdict['kind'];
  /** Verified by an earlier pass; without it the pass starts at `fromIndex` from what the tiles claim. */
  readonly start: SavedState | undefined;
  readonly fromIndex: number;
  /** Up to the last signed size when absent. */
  readonly toIndex?: number;
  /** Told after each stretch that is verified without a gap from the start. */
  readonly onProgress?: (state: SavedState) => Promise<void>;
}

export interface PassOutcome {
  readonly verdict: Verdict;
  /** Present when intact: where the next pass may start. */
  readonly end?: SavedState;
  /** What was committed when the pass began: more than it read, when the last events were not signed yet. */
  readonly committedSize?: number;
}

interface Outcome {
  readonly toIndex: number;
  readonly treeSize: number;
  readonly committedSize?: number;
  readonly fault?: SegmentFault;
  readonly end?: SavedState;
}

/**
 * Verifies a stretch of a ledger: the ends, the stored checkpoints, every entry, part and tile, and the root against
 * what was signed and kept outside the database. Rejects only when something needed for it fails, such as the database.
 */
export async function runPass(request: PassRequest, deps: PassDependencies): Promise<PassOutcome> {
  const startedAt = deps.now();
  const outcome = await attempt(request, deps);
  const verdict: Verdict = {
    tenant: request.ledger.tenant,
    verdict: outcome.fault === undefined ? 'intact' : 'broken',
    kind: request.kind,
    fromIndex: request.fromIndex,
    toIndex: outcome.toIndex,
    treeSize: outcome.treeSize,
    startedAt: startedAt.toISOString(),
    finishedAt: deps.now().toISOString(),
  };
  if (outcome.fault === undefined) return { verdict, end: outcome.end, committedSize: outcome.committedSize };
  const since = await firstBadTime(deps.pool, request.ledger, outcome.fault, deps.archive);
  return { verdict: { ...verdict, fault: { ...outcome.fault, firstBadTime: since ?? verdict.finishedAt } } };
}

async function attempt(request: PassRequest, deps: PassDependencies): Promise<Outcome> {
  const { ledger } = request;
  let signed: VerifiedCheckpoint | undefined;
  try {
    signed = await lastSigned(ledger, deps);
    const treeSize = signed?.treeSize ?? 0;
    const head = await verifyEnds(deps.pool, ledger, treeSize);
    const toIndex = Math.min(request.toIndex ?? treeSize, treeSize);
    if (toIndex <= request.fromIndex) {
      if (request.kind === 'full') await verifyHeadRow(deps.pool, ledger);
      return { toIndex: Math.max(toIndex, request.fromIndex), treeSize, end: request.start, committedSize: head.treeSize };
    }
    const heads = await signedHeads(request, toIndex, deps);
    if ('fault' in heads) return { toIndex, treeSize, fault: heads.fault };
    const headLastEventHash = head.treeSize === toIndex ? head.lastEventHash : undefined;
    const walked = await walk(request, toIndex, heads.heads, headLastEventHash, deps);
    if ('fault' in walked) return { toIndex, treeSize, fault: walked.fault };
    await verifyHeadRow(deps.pool, ledger);
    return { toIndex, treeSize, end: walked.end, committedSize: head.treeSize };
  } catch (error) {
    if (!(error instanceof ChainFault)) throw error;
    const firstIndex = error.detail.leafIndex ?? request.fromIndex;
    const treeSize = signed?.treeSize ?? 0;
    const lastIndex = Math.max(firstIndex, (error.detail.treeSize ?? firstIndex + 1) - 1);
    return { toIndex: treeSize, treeSize, fault: { code: error.code, message: error.message, firstIndex, lastIndex } };
  }
}

async function lastSigned(ledger: Ledger, deps: PassDependencies): Promise<VerifiedCheckpoint | undefined> {
  const note = await deps.archive.latest(ledger.tenant);
  if (note === undefined) return undefined;
  return verifyCheckpoint(note, { origin: ledger.origin, vkeys: await deps.signer.vkeys(ledger.origin) });
}

/** Heads within the stretch, from the archive and from stored checkpoints whose signatures hold. */
async function signedHeads(request: PassRequest, toIndex: number, deps: PassDependencies): Promise<{ heads: readonly SignedHead[] } | { fault: SegmentFault }> {
  const { ledger, fromIndex } = request;
  const vkeys = (await deps.signer.vkeys(ledger.origin)).map((vkey) => formatVkey(vkey.name, vkey.type, vkey.publicKey));
  const archived = (await deps.archive.history(ledger.tenant, fromIndex)).filter((head) => head.treeSize <= toIndex);
  const stored = await deps.runner.checkpoints({ databaseUrl: deps.databaseUrl, ledger, vkeys, fromSize: fromIndex, toSize: toIndex, signedHeads: archived });
  if ('fault' in stored) return stored;
  const bySize = new Map([...stored.heads, ...archived].map((head) => [head.treeSize, head]));
  return { heads: [...bySize.values()].sort((a, b) => a.treeSize - b.treeSize) };
}

/** Verifies stretch after stretch, as many at a time as there are threads, each joined to the one before. */
async function walk(
  request: PassRequest,
  toIndex: number,
  heads: readonly SignedHead[],
  headLastEventHash: string | undefined,
  deps: PassDependencies,
): Promise<{ end: SavedState } | { fault: SegmentFault }> {
  const { ledger } = request;
  const cuts = cutSegments(request.fromIndex, toIndex, deps.runner.threads);
  let verified = request.start;
  for (let i = 0; i + 1 < cuts.length; i += deps.runner.threads) {
    const group = cuts.slice(i, i + deps.runner.threads + 1);
    const starts = await claimedStates(group.slice(0, -1), request, verified, deps);
    const results = await Promise.all(
      starts.map((start, k) =>
        deps.runner.segment({
          databaseUrl: deps.databaseUrl,
          ledger,
          start,
          endIndex: group[k + 1]!,
          signedHeads: heads.filter((head) => head.treeSize > group[k]! && head.treeSize <= group[k + 1]!),
          lastGoodSize: heads.findLast((head) => head.treeSize <= group[k]!)?.treeSize ?? request.fromIndex,
          headLastEventHash: group[k + 1] === toIndex ? headLastEventHash : undefined,
        }),
      ),
    );
    const joined = join(starts, results);
    if ('fault' in joined) return joined;
    verified = joined.end;
    await request.onProgress?.(verified);
  }
  return { end: verified! };
}

async function claimedStates(indexes: readonly number[], request: PassRequest, verified: SavedState | undefined, deps: PassDependencies): Promise<(SavedState | undefined)[]> {
  const client = await deps.pool.connect();
  try {
    const states: (SavedState | undefined)[] = [];
    for (const index of indexes) {
      states.push(verified?.index === index ? verified : await claimedState(client, request.ledger, index));
    }
    return states;
  } finally {
    client.release();
  }
}

/** The first fault, or a claim that the stretch before it does not bear out; else the end of the last stretch. */
function join(starts: readonly (SavedState | undefined)[], results: readonly SegmentResult[]): { end: SavedState } | { fault: SegmentFault } {
  let end: SavedState | undefined;
  for (let k = 0; k < results.length; k++) {
    const result = results[k]!;
    if (end !== undefined && JSON.stringify(end) !== JSON.stringify(starts[k])) {
      const at = end.index;
      return { fault: { code: 'TILE_ALTERED', message: `the tiles before entry ${at} claim another state than its entries give`, firstIndex: at, lastIndex: at } };
    }
    if ('fault' in result) return result;
    end = result.end;
  }
  return { end: end! };
}

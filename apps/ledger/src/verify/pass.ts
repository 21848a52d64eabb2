import { ChainFault, Destructions, formatVkey, verifyCheckpoint, type SavedDestructions, type VerifiedCheckpoint } from '@countersign/chain';
import type { Verdict } from '@countersign/contracts';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { CheckpointArchive, SignedHead } from '../checkpoint/archive.js';
import type { CheckpointSigner, SignedTree } from '../keys/checkpoint-signer.js';
import { firstBadTime } from './first-bad-time.js';
import type { VerifyRunner } from './runner.js';
import type { SavedState } from './saved-state.js';
import type { CheckpointsResult } from './verify-checkpoints.js';
import { judgeEnds, lastOf, readEnds, verifyHeadRow, type Ends } from './verify-ends.js';
import { toSegmentFault, type SegmentFault } from './segment.js';
import { walk, type Walked } from './walk.js';

export interface PassDependencies {
  /** As the read-only role. */
  readonly pool: pg.Pool;
  readonly databaseUrl: string;
  readonly archive: CheckpointArchive;
  readonly signer: Pick<CheckpointSigner, 'vkeys' | 'lastSigned'>;
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
  /** The ledger was broken: nobody who knows what was signed may be passed over before it is intact again. */
  readonly wasBroken?: boolean;
  /** What was met before `start`, where an interrupted pass goes on. */
  readonly destroyed?: SavedDestructions;
  /** Told after each stretch that is verified without a gap from the start. */
  readonly onProgress?: (state: SavedState, destroyed: SavedDestructions) => Promise<void>;
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

/** What forbids to append to a ledger that is being opened: it is not as long as what was signed, or its ends disagree. */
export async function judgeOpening(ledger: Ledger, deps: PassDependencies): Promise<ChainFault | undefined> {
  const signed = await lastSigned(ledger, deps);
  return signed instanceof ChainFault ? signed : judgeEnds(await readEnds(deps.pool, ledger), signed?.treeSize ?? 0);
}

/**
 * Several things may be wrong at once, and one may follow from another: whatever accuses the lowest index is reported,
 * and of the same index what was found closest to the entries.
 */
async function attempt(request: PassRequest, deps: PassDependencies): Promise<Outcome> {
  const { ledger, fromIndex } = request;
  const signed = await lastSigned(ledger, deps);
  if (signed instanceof ChainFault) return { toIndex: fromIndex, treeSize: 0, fault: toSegmentFault(signed, fromIndex) };
  // The signer's own memory, in another process and database: archive and database may have been put back together. Asked
  // before the database is read, which is then at least as long; by full passes only, since each asking is an event.
  const remembered = request.kind === 'full' ? await deps.signer.lastSigned(ledger.origin, request.wasBroken) : undefined;
  const treeSize = Math.max(signed?.treeSize ?? 0, remembered?.treeSize ?? 0);
  const ends = await readEnds(deps.pool, ledger);
  const toIndex = Math.max(fromIndex, Math.min(request.toIndex ?? treeSize, treeSize));
  const checkpoints = await checkStored(request, { signed, remembered }, toIndex, deps);
  const walked = await judgeParts(await walkWhatIsThere(request, Math.min(toIndex, ends.entriesEnd), ends, checkpoints.heads, deps), request, deps);
  const endsFault = judgeEnds(ends, treeSize);
  const found = [
    'fault' in walked ? walked.fault : undefined,
    endsFault && toSegmentFault(endsFault, fromIndex),
    checkpoints.fault,
  ].filter((fault) => fault !== undefined);
  if (found.length === 0) found.push(...(await checkHeadRow(ledger, ends, deps)));
  if (found.length > 0) return { toIndex, treeSize, fault: found.reduce((first, one) => (one.firstIndex < first.firstIndex ? one : first)) };
  return { toIndex, treeSize, end: 'end' in walked ? walked.end : request.start, committedSize: ends.head?.treeSize };
}

/** What was signed last, as archive and signer know it. */
interface Memories {
  readonly signed: VerifiedCheckpoint | undefined;
  readonly remembered: SignedTree | undefined;
}

/** The last signed head, from outside the database; the fault when it is not this ledger's. */
async function lastSigned(ledger: Ledger, deps: PassDependencies): Promise<VerifiedCheckpoint | ChainFault | undefined> {
  const note = await deps.archive.latest(ledger.tenant);
  if (note === undefined) return undefined;
  try {
    return verifyCheckpoint(note, { origin: ledger.origin, vkeys: await deps.signer.vkeys(ledger.origin) });
  } catch (fault) {
    if (fault instanceof ChainFault) return fault;
    throw fault;
  }
}

/** Stored checkpoints beyond the start, and all heads that were signed there, from them and from the archive. */
async function checkStored({ ledger, fromIndex }: PassRequest, { signed, remembered }: Memories, toIndex: number, deps: PassDependencies): Promise<CheckpointsResult> {
  const vkeys = (await deps.signer.vkeys(ledger.origin)).map((vkey) => formatVkey(vkey.name, vkey.type, vkey.publicKey));
  const archived = await deps.archive.history(ledger.tenant, fromIndex);
  const stored = await deps.runner.checkpoints({ databaseUrl: deps.databaseUrl, ledger, vkeys, fromSize: fromIndex, toSize: toIndex, signedHeads: archived });
  // The last one may still be on its way to the database: it need not be stored, and holds the entries all the same.
  const headsOf = (tree: SignedTree | undefined): SignedHead[] => (tree === undefined || tree.treeSize <= fromIndex ? [] : [headOf(tree, deps)]);
  // Of two roots of one size the signer's counts: the others can have been put there with an older state.
  const bySize = new Map([...headsOf(signed), ...stored.heads, ...archived, ...headsOf(remembered)].map((head) => [head.treeSize, head]));
  return { ...stored, heads: [...bySize.values()].sort((a, b) => a.treeSize - b.treeSize) };
}

function headOf({ treeSize, root, timestampSeconds }: SignedTree & Pick<VerifiedCheckpoint, 'timestampSeconds'>, { now }: PassDependencies): SignedHead {
  const signedAt = timestampSeconds === undefined ? now() : new Date(timestampSeconds * 1000);
  return { treeSize, root: root.toString('hex'), signedAt: signedAt.toISOString() };
}

async function walkWhatIsThere(
  { ledger, start, fromIndex, destroyed, onProgress }: PassRequest,
  toIndex: number,
  { head }: Ends,
  heads: readonly SignedHead[],
  deps: PassDependencies,
): Promise<Walked | { readonly nothing: true }> {
  if (toIndex <= fromIndex) return { nothing: true };
  const headLastEventHash = head?.treeSize === toIndex ? head.lastEventHash : undefined;
  return walk({ ledger, start, fromIndex, toIndex, heads, headLastEventHash, destroyed, onProgress }, deps);
}

/**
 * Whether every part that is not stored may be missing. What allows it stands behind it, and is signed before anything goes: where the
 * stretch itself does not tell, what was signed behind it until now does.
 */
async function judgeParts<T extends object>(walked: Walked | T, request: PassRequest, deps: PassDependencies): Promise<Walked | T> {
  if (!('end' in walked)) return walked;
  const missing = firstUnlawful(walked.destroyed);
  if (missing === undefined) return walked;
  const { ledger } = request;
  const signed = await lastSigned(ledger, deps);
  const { index } = walked.end;
  if (signed === undefined || signed instanceof ChainFault || signed.treeSize <= index) return lacking(missing);
  const { heads } = await checkStored({ ...request, fromIndex: index }, { signed, remembered: undefined }, signed.treeSize, deps);
  const further = await walk({ ledger, start: walked.end, fromIndex: index, toIndex: signed.treeSize, heads, headLastEventHash: undefined, destroyed: walked.destroyed }, deps);
  if ('fault' in further) return further;
  const still = firstUnlawful(further.destroyed);
  return still === undefined || still >= index ? walked : lacking(still);
}

const firstUnlawful = (destroyed: SavedDestructions): number | undefined => Destructions.restore(destroyed).firstUnlawful();

function lacking(index: number): { readonly fault: SegmentFault } {
  const message = `entry ${index} lacks a part that it lists, and nothing says that it was destroyed`;
  return { fault: { code: 'PART_MISSING', message, firstIndex: index, lastIndex: index } };
}

/** A head row speaks of the last entry. */
async function checkHeadRow(ledger: Ledger, { entriesEnd }: Ends, { pool }: PassDependencies): Promise<SegmentFault[]> {
  try {
    await verifyHeadRow(pool, ledger);
    return [];
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    const firstIndex = fault.detail.leafIndex ?? lastOf(fault.detail.treeSize ?? entriesEnd);
    return [{ code: fault.code, message: fault.message, firstIndex, lastIndex: firstIndex }];
  }
}

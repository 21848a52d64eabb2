import { HASH_BYTES, leafHash, RightEdge, scanEntry, TILE_WIDTH } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import type { SignedHead } from '../checkpoint/archive.js';
import { streamEntries } from '../store/entry-stream.js';
import { restoreState } from './saved-state.js';
import type { SegmentJob } from './segment.js';

/** What an entry says of the one before it; undefined when it cannot be read. */
function hashBefore(entry: Buffer, leafIndex: number): Buffer | undefined {
  try {
    return Buffer.from(scanEntry(entry, leafIndex).previousEventHash, 'hex');
  } catch {
    return undefined;
  }
}

/** More leaves than this between two signed heads are not read again to name a fault: 128 MiB of hashes. */
const LEAVES_MAX = 4 * 1024 * 1024;

/** The leaves of a stretch as its entries give them, and the roots that were signed over them. */
export class SignedLeaves {
  private constructor(
    private readonly edge: RightEdge,
    private readonly heads: readonly SignedHead[],
    private readonly lastGoodSize: number,
    private readonly hashes: Buffer,
    /** Whether every entry was there; the hash of one that was not is zero. */
    private readonly isWhole: boolean,
    /** Hash that the entry after a leaf, or the head row, names for it. */
    private readonly claimed: Buffer | undefined,
    private readonly tiles: readonly { readonly at: number; readonly hashes: Buffer }[],
  ) {}

  /**
   * Reads from the job's start, or from leaf 0 when that comes too late, to the first head that covers `leafIndex`.
   * Undefined when there is no such head, or when it is too far away.
   */
  static async read(job: SegmentJob, leafIndex: number): Promise<SignedLeaves | undefined> {
    const heads = job.nextHead === undefined ? job.signedHeads : [...job.signedHeads, job.nextHead];
    const end = heads.find((head) => head.treeSize > leafIndex)?.treeSize;
    // The entry before a stretch is accused by the first one in it: then the stretch is read from the beginning.
    const edge = job.start === undefined || job.start.index > leafIndex ? RightEdge.empty() : restoreState(job.start).edge;
    const start = edge.treeSize;
    if (end === undefined || end - start > LEAVES_MAX) return undefined;
    const hashes = Buffer.alloc((end - start) * HASH_BYTES);
    let count = 0;
    const isLast = leafIndex + 1 === end && end === job.endIndex && job.headLastEventHash !== undefined;
    let claimed: Buffer | undefined = isLast ? Buffer.from(job.headLastEventHash, 'hex') : undefined;
    return withClient(job.databaseUrl, async (client) => {
      for await (const entries of streamEntries(client, job.ledger, start, Math.max(end, leafIndex + 2))) {
        for (const { leafIndex: at = -1, entry } of entries) {
          if (at === leafIndex + 1) claimed = hashBefore(entry, at) ?? claimed;
          if (at >= end) continue;
          leafHash(entry).copy(hashes, (at - start) * HASH_BYTES);
          count += 1;
        }
      }
      const { rows } = await client.query<{ tile_index: string; hashes: Buffer }>(
        'SELECT tile_index, hashes FROM tiles WHERE ledger_id = $1 AND level = 0 AND tile_index >= $2 AND tile_index < $3',
        [job.ledger.ledgerId, Math.ceil(start / TILE_WIDTH), Math.ceil(end / TILE_WIDTH)],
      );
      const tiles = rows.map((row) => ({ at: Number(row.tile_index) * TILE_WIDTH, hashes: row.hashes }));
      return new SignedLeaves(edge, heads.filter((head) => head.treeSize <= end), job.lastGoodSize, hashes, count === end - start, claimed, tiles);
    });
  }

  /** Whether the signed roots come out right with one leaf replaced by the hash that the entry after it names. */
  isRightWithClaim(leafIndex: number): boolean {
    if (this.claimed === undefined || !this.isWhole) return false;
    const leaves = Buffer.from(this.hashes);
    this.claimed.copy(leaves, (leafIndex - this.edge.treeSize) * HASH_BYTES);
    return this.firstWrong(leaves) === undefined;
  }

  /**
   * With the hashes of stored tiles in place of what the entries give: if the signed roots come out right, the tiles are
   * as they were, and the first leaf that differs from them is exactly the first that was changed.
   */
  firstUnlikeTiles(): number | undefined {
    const start = this.edge.treeSize;
    const leaves = Buffer.from(this.hashes);
    for (const { at, hashes } of this.tiles) hashes.copy(leaves, (at - start) * HASH_BYTES);
    const byte = leaves.findIndex((value, i) => value !== this.hashes[i]);
    return byte < 0 || this.firstWrong(leaves) !== undefined ? undefined : start + Math.floor(byte / HASH_BYTES);
  }

  /** The first signed head that the entries as they are do not lead to, and the last one before it that they do. */
  wrongHead(): { readonly lastGood: number; readonly treeSize: number } | undefined {
    return this.isWhole ? this.firstWrong(this.hashes) : undefined;
  }

  private firstWrong(leaves: Buffer): { lastGood: number; treeSize: number } | undefined {
    const edge = this.edge.clone();
    let lastGood = this.lastGoodSize;
    for (const { treeSize, root } of this.heads) {
      while (edge.treeSize < treeSize) edge.append(leaves, (edge.treeSize - this.edge.treeSize) * HASH_BYTES);
      if (edge.root().toString('hex') !== root) return { lastGood, treeSize };
      lastGood = treeSize;
    }
    return undefined;
  }
}

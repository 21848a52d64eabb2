import { ChainFault, ChainVerifier, HASH_BYTES, scanEntry, TILE_WIDTH, type FullTile } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { SignedHead } from '../checkpoint/archive.js';
import { streamEntries } from '../store/entry-stream.js';
import { restoreState, saveState, type SavedState } from './saved-state.js';

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

export type SegmentResult = { readonly end: SavedState } | { readonly fault: SegmentFault };

/** Recomputes a segment from its stored bytes on a connection of its own. Rejects only when the database fails. */
export async function verifySegment(job: SegmentJob): Promise<SegmentResult> {
  try {
    return await withClient(job.databaseUrl, async (client) => ({ end: await new SegmentPass(client, job).run() }));
  } catch (error) {
    if (!(error instanceof ChainFault)) throw error;
    return { fault: toSegmentFault(error, job) };
  }
}

function toSegmentFault(fault: ChainFault, job: SegmentJob): SegmentFault {
  const firstIndex = fault.detail.leafIndex ?? job.start?.index ?? 0;
  const lastIndex = fault.detail.treeSize === undefined ? firstIndex : Math.max(firstIndex, fault.detail.treeSize - 1);
  return { code: fault.code, message: fault.message, firstIndex, lastIndex };
}

interface StoredTile {
  readonly hashes: Buffer;
  readonly root: Buffer;
}

class SegmentPass {
  private readonly verifier: ChainVerifier;
  private readonly tiles = new Map<string, StoredTile>();
  /** Met, but not yet certain: what follows may show that something else was changed. */
  private tileFault: ChainFault | undefined;
  private rootFault: ChainFault | undefined;
  private nextHead = 0;
  private lastGood: number;

  constructor(
    private readonly client: pg.Client,
    private readonly job: SegmentJob,
  ) {
    const { ledger, start, endIndex, lastGoodSize } = job;
    this.verifier = new ChainVerifier({
      tenant: ledger.tenant,
      origin: ledger.origin,
      start: start === undefined ? undefined : restoreState(start),
      treeSize: endIndex,
      shape: 'scan',
    });
    this.lastGood = lastGoodSize;
  }

  async run(): Promise<SavedState> {
    const { endIndex } = this.job;
    while (this.verifier.nextIndex < endIndex) {
      const from = this.verifier.nextIndex;
      const to = Math.min(endIndex, from - (from % CHUNK_ENTRIES) + CHUNK_ENTRIES);
      await this.readTiles(from, to);
      await this.verifyEntries(from, to);
      if (this.verifier.nextIndex < to) {
        throw new ChainFault('ENTRY_MISSING', `entry ${this.verifier.nextIndex} is not there`, { leafIndex: this.verifier.nextIndex });
      }
    }
    this.verifier.finish(this.finalRoot());
    await this.judgeLastEntry();
    this.throwPending();
    return saveState(this.verifier.state());
  }

  private async verifyEntries(from: number, to: number): Promise<void> {
    for await (const entries of streamEntries(this.client, this.job.ledger, from, to)) {
      for (const stored of entries) {
        const completed = this.verifier.add(stored);
        for (let i = 0; i < completed.length; i++) this.compareTile(completed[i]!);
        if (this.job.signedHeads[this.nextHead]?.treeSize === this.verifier.nextIndex) this.compareHead();
        if (this.rootFault !== undefined) this.throwRipeRootFault();
      }
    }
  }

  /** Full tiles that complete within [from, to), of every level: read beside the entries, believed no more than they are. */
  private async readTiles(from: number, to: number): Promise<void> {
    this.tiles.clear();
    for (let level = 0, span = TILE_WIDTH; span <= to; level++, span *= TILE_WIDTH) {
      const { rows } = await this.client.query<{ tile_index: string; hashes: Buffer; root: Buffer }>(
        'SELECT tile_index, hashes, root FROM tiles WHERE ledger_id = $1 AND level = $2 AND tile_index >= $3 AND tile_index < $4',
        [this.job.ledger.ledgerId, level, Math.floor(from / span), Math.floor(to / span)],
      );
      for (const row of rows) this.tiles.set(`${level}/${row.tile_index}`, { hashes: row.hashes, root: row.root });
    }
  }

  private compareTile(tile: FullTile): void {
    if (this.tileFault !== undefined) return;
    const stored = this.tiles.get(`${tile.level}/${tile.tileIndex}`);
    const span = TILE_WIDTH ** tile.level;
    const start = tile.tileIndex * TILE_WIDTH * span;
    const name = `tile ${tile.tileIndex} of level ${tile.level}`;
    if (stored === undefined) {
      this.tileFault = new ChainFault('TILE_MISSING', `${name} is not there`, { leafIndex: start, treeSize: start + TILE_WIDTH * span });
    } else if (!stored.hashes.equals(tile.hashes)) {
      const slot = firstDifference(stored.hashes, tile.hashes);
      const leafIndex = start + slot * span;
      this.tileFault = new ChainFault('TILE_ALTERED', `${name} does not hold the hash of ${leafIndex}`, { leafIndex, treeSize: leafIndex + span });
    } else if (!stored.root.equals(tile.root)) {
      this.tileFault = new ChainFault('TILE_ROOT_ALTERED', `${name} is stored with another root than its hashes give`, { leafIndex: start, treeSize: start + TILE_WIDTH * span });
    }
  }

  /**
   * Holds the recomputed root against a head that was signed. A tile that differed before is thrown now: with the
   * right root over the entries it is the tile that was altered, with a wrong one it marks where the rewriting began.
   */
  private compareHead(): void {
    const { treeSize, root } = this.job.signedHeads[this.nextHead]!;
    if (this.verifier.root().toString('hex') !== root) {
      this.rootFault ??= this.wrongRoot(treeSize);
    } else if (this.tileFault !== undefined && this.tileFault.detail.leafIndex! < treeSize) {
      throw this.tileFault;
    } else {
      this.lastGood = treeSize;
    }
    // The same size may have been archived twice, around a crash.
    while (this.job.signedHeads[this.nextHead]?.treeSize === treeSize) this.nextHead += 1;
  }

  private wrongRoot(treeSize: number): ChainFault {
    const { previousEventHash } = this.verifier.state();
    const { headLastEventHash, endIndex } = this.job;
    if (treeSize === endIndex && headLastEventHash !== undefined && headLastEventHash !== previousEventHash) {
      return new ChainFault('ENTRY_ALTERED', `entry ${treeSize - 1} is not the one that was chained`, { leafIndex: treeSize - 1 });
    }
    const leafIndex = Math.max(this.lastGood, this.tileFault?.detail.leafIndex ?? 0);
    const message = `entries from ${leafIndex} on join, but are not the ones that were signed at size ${treeSize}`;
    return new ChainFault('HISTORY_REWRITTEN', message, { leafIndex, treeSize });
  }

  /** An altered entry makes a wrong root too; the two entries after it show that its links do not join. */
  private throwRipeRootFault(): void {
    if (this.verifier.nextIndex >= this.rootFault!.detail.treeSize! + 2) throw this.rootFault!;
  }

  /** When the last entry differs from its tile, the entry that follows this stretch knows which hash was chained. */
  private async judgeLastEntry(): Promise<void> {
    const { ledger, endIndex } = this.job;
    if (this.tileFault?.code !== 'TILE_ALTERED' || this.tileFault.detail.leafIndex !== endIndex - 1) return;
    for await (const [next] of streamEntries(this.client, ledger, endIndex, endIndex + 1)) {
      if (next !== undefined && scanEntry(next.entry, endIndex).previousEventHash !== this.verifier.state().previousEventHash) {
        throw new ChainFault('ENTRY_ALTERED', `entry ${endIndex - 1} is not the one that was chained`, { leafIndex: endIndex - 1 });
      }
    }
  }

  private throwPending(): void {
    const pending = this.rootFault ?? this.tileFault;
    if (pending !== undefined) throw pending;
  }

  private finalRoot(): Buffer | undefined {
    const last = this.job.signedHeads.at(-1);
    return last?.treeSize === this.job.endIndex ? Buffer.from(last.root, 'hex') : undefined;
  }
}

const CHUNK_ENTRIES = 65_536;

function firstDifference(a: Buffer, b: Buffer): number {
  for (let slot = 0; slot < TILE_WIDTH; slot++) {
    if (a.compare(b, slot * HASH_BYTES, (slot + 1) * HASH_BYTES, slot * HASH_BYTES, (slot + 1) * HASH_BYTES) !== 0) return slot;
  }
  return 0;
}

import { ChainFault, ChainVerifier, HASH_BYTES, TILE_WIDTH, type FullTile } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import type pg from 'pg';
import { streamEntries } from '../store/entry-stream.js';
import { explainFault } from './explain-fault.js';
import { readEntries } from './read-entries.js';
import { restoreState, saveState } from './saved-state.js';
import { toSegmentFault, type SegmentJob, type SegmentResult } from './segment.js';

/** Recomputes a segment from its stored bytes on a connection of its own. Rejects only when the database fails. */
export async function verifySegment(job: SegmentJob): Promise<SegmentResult> {
  return withClient(job.databaseUrl, async (client) => {
    try {
      return await new SegmentPass(client, job).run();
    } catch (error) {
      if (!(error instanceof ChainFault)) throw error;
      return { fault: toSegmentFault(await explainFault(job, error), job.start?.index ?? 0) };
    }
  });
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

  async run(): Promise<Exclude<SegmentResult, { fault: unknown }>> {
    try {
      await this.walk();
      await this.finish();
    } catch (fault) {
      throw this.earliest(fault);
    }
    return { end: saveState(this.verifier.state()), destroyed: this.verifier.destructions.save() };
  }

  private async walk(): Promise<void> {
    const { endIndex } = this.job;
    while (this.verifier.nextIndex < endIndex) {
      const from = this.verifier.nextIndex;
      const to = Math.min(endIndex, from - (from % CHUNK_ENTRIES) + CHUNK_ENTRIES);
      await this.readTiles(from, to);
      await this.verifyEntries(from, to);
      const missing = this.verifier.nextIndex;
      if (missing < to) throw new ChainFault('ENTRY_MISSING', `entry ${missing} is not there`, { leafIndex: missing, treeSize: to });
    }
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
    const whole = { leafIndex: start, treeSize: start + TILE_WIDTH * span };
    const name = `tile ${tile.tileIndex} of level ${tile.level}`;
    if (stored === undefined) {
      this.tileFault = new ChainFault('TILE_MISSING', `${name} is not there`, whole);
    } else if (stored.hashes.length !== tile.hashes.length) {
      this.tileFault = new ChainFault('TILE_MALFORMED', `${name} has ${stored.hashes.length} bytes`, whole);
    } else if (!stored.hashes.equals(tile.hashes)) {
      const leafIndex = start + firstDifference(stored.hashes, tile.hashes) * span;
      this.tileFault = new ChainFault('TILE_ALTERED', `${name} does not hold the hash of ${leafIndex}`, { leafIndex, treeSize: leafIndex + span });
    } else if (!stored.root.equals(tile.root)) {
      this.tileFault = new ChainFault('TILE_ROOT_ALTERED', `${name} is stored with another root than its hashes give`, whole);
    }
  }

  /**
   * Holds the recomputed root against a head that was signed. With the right root over the entries, a tile that
   * differed before is what was altered; with a wrong root nothing that the database says of this stretch is believed.
   */
  private compareHead(): void {
    const { treeSize, root } = this.job.signedHeads[this.nextHead]!;
    const isGood = this.verifier.root().toString('hex') === root;
    if (isGood) this.lastGood = treeSize;
    if (this.tileFault !== undefined && this.tileFault.detail.leafIndex! < this.lastGood) throw this.tileFault;
    if (!isGood) this.rootFault ??= this.rewritten(treeSize);
    // The same size may have been archived twice, around a crash.
    while (this.job.signedHeads[this.nextHead]?.treeSize === treeSize) this.nextHead += 1;
  }

  private rewritten(treeSize: number): ChainFault {
    const message = `entries from ${this.lastGood} on join, but are not the ones that were signed at size ${treeSize}`;
    return new ChainFault('HISTORY_REWRITTEN', message, { leafIndex: this.lastGood, treeSize });
  }

  /** An altered entry makes a wrong root too; the two entries after it show that its links do not join. */
  private throwRipeRootFault(): void {
    if (this.verifier.nextIndex >= this.rootFault!.detail.treeSize! + 2) throw this.rootFault!;
  }

  private async finish(): Promise<void> {
    const { endIndex } = this.job;
    const isLastInDoubt =
      this.verifier.isUndecided ||
      this.rootFault?.detail.treeSize === endIndex ||
      (this.tileFault?.code === 'TILE_ALTERED' && this.tileFault.detail.leafIndex === endIndex - 1);
    if (isLastInDoubt) await this.judgeLast();
    this.verifier.finishStretch(this.finalRoot());
    const pending = this.rootFault ?? this.tileFault;
    if (pending !== undefined) throw pending;
  }

  /** Something is wrong up to the last entry: those that follow this stretch, or the head row, know what was chained. */
  private async judgeLast(): Promise<void> {
    const { ledger, endIndex, headLastEventHash } = this.job;
    const { previousEventHash } = this.verifier.state();
    const witnesses = await readEntries(this.client, ledger, endIndex, endIndex + WITNESSES);
    for (const witness of witnesses) this.verifier.add(witness);
    // Without a root: it speaks of the stretch, not of what was added after it.
    if (witnesses.length > 0) this.verifier.finishStretch();
    if (headLastEventHash !== undefined && headLastEventHash !== previousEventHash) {
      throw new ChainFault('ENTRY_ALTERED', `entry ${endIndex - 1} is not the one that was chained`, { leafIndex: endIndex - 1 });
    }
  }

  /** Of all that was met, whatever accuses the lowest index. */
  private earliest(thrown: unknown): unknown {
    const fault = this.verifier.earliest(thrown);
    if (!(fault instanceof ChainFault)) return fault;
    const { rootFault, tileFault } = this;
    const at = fault.detail.leafIndex ?? 0;
    // A rewriting is accused as a whole: what is found inside of it says more.
    if (rootFault !== undefined && at >= rootFault.detail.treeSize!) return rootFault;
    return rootFault === undefined && tileFault !== undefined && tileFault.detail.leafIndex! < at ? tileFault : fault;
  }

  private finalRoot(): Buffer | undefined {
    const last = this.job.signedHeads.at(-1);
    return last?.treeSize === this.job.endIndex ? Buffer.from(last.root, 'hex') : undefined;
  }
}

const CHUNK_ENTRIES = 65_536;
/** The entry after the last tells whether it joins, the one after that which of the two was altered. */
const WITNESSES = 2;

function firstDifference(a: Buffer, b: Buffer): number {
  for (let slot = 0; slot < TILE_WIDTH; slot++) {
    if (a.compare(b, slot * HASH_BYTES, (slot + 1) * HASH_BYTES, slot * HASH_BYTES, (slot + 1) * HASH_BYTES) !== 0) return slot;
  }
  return 0;
}

import { EMPTY_ROOT, HASH_BYTES, nodeHashInto } from './hash.js';
import { TILE_HEIGHT, TILE_WIDTH } from './tile.js';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** A tile that the last append completed. */
export interface FullTile {
  readonly level: number;
  readonly tileIndex: number;
  /** 256 hashes, 8,192 bytes. */
  readonly hashes: Buffer;
  /** Root over them: the hash that stands for this tile one level up. */
  readonly root: Buffer;
}

interface Level {
  /** Hashes of the partial tile, `width` of them valid. */
  readonly hashes: Buffer;
  width: number;
  /** Root of the perfect subtree of height k inside the partial tile at k × 32, valid where bit k of `width` is set. */
  readonly subtrees: Buffer;
}

/**
 * The right edge of an RFC 6962 tree: its partial tiles, all that an append or a root needs.
 * Holds at most 255 hashes a level, whatever the size of the tree. A working value, not a store: clone, append, and
 * keep the clone only once its tiles are committed.
 */
export class RightEdge {
  private constructor(
    private readonly levels: Level[],
    private size: number,
  ) {}

  static empty(): RightEdge {
    return new RightEdge([], 0);
  }

  /**
   * Rebuilds the edge of a tree of `treeSize` leaves. `partials[level]` holds the hashes of that level's partial tile,
   * exactly floor(treeSize / 256^level) mod 256 of them. Throws RangeError when a level's count does not fit.
   */
  static fromPartialTiles(treeSize: number, partials: readonly Uint8Array[]): RightEdge {
    const edge = RightEdge.empty();
    for (let level = 0, span = 1; span <= treeSize; level++, span *= TILE_WIDTH) {
      const hashes = partials[level] ?? new Uint8Array(0);
      const width = Math.floor(treeSize / span) % TILE_WIDTH;
      if (hashes.length !== width * HASH_BYTES) {
        throw new RangeError(`level ${level} of a tree of ${treeSize} needs ${width} hashes, not ${hashes.length / HASH_BYTES}`);
      }
      const bytes = Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength);
      for (let i = 0; i < width; i++) edge.push(level, bytes, i * HASH_BYTES);
      edge.level(level);
    }
    edge.size = treeSize;
    return edge;
  }

  get treeSize(): number {
    return this.size;
  }

  clone(): RightEdge {
    const levels = this.levels.map((l) => ({ hashes: Buffer.from(l.hashes), width: l.width, subtrees: Buffer.from(l.subtrees) }));
    return new RightEdge(levels, this.size);
  }

  /** Appends one leaf hash (32 bytes at `at`). Returns the tiles that it completed, lowest level first. */
  append(hash: Buffer, at = 0): readonly FullTile[] {
    this.size += 1;
    if (!this.push(0, hash, at)) return NO_TILES;
    const full: FullTile[] = [];
    for (let level = 0; this.level(level).width === TILE_WIDTH; level++) {
      const done = this.levels[level]!;
      const root = Buffer.from(done.subtrees.subarray(TILE_HEIGHT * HASH_BYTES));
      const tileIndex = this.size / TILE_WIDTH ** (level + 1) - 1;
      full.push({ level, tileIndex, hashes: Buffer.from(done.hashes), root });
      done.width = 0;
      this.push(level + 1, root, 0);
    }
    return full;
  }

  /** Root of the tree (RFC 6962 §2.1): the perfect subtrees folded from the right. */
  root(): Buffer {
    const out = Buffer.allocUnsafe(HASH_BYTES);
    let started = false;
    for (const level of this.levels) {
      for (let k = 0; k < TILE_HEIGHT; k++) {
        if ((level.width & (1 << k)) === 0) continue;
        if (started) nodeHashInto(level.subtrees, k * HASH_BYTES, out, 0, out, 0);
        else level.subtrees.copy(out, 0, k * HASH_BYTES, (k + 1) * HASH_BYTES);
        started = true;
      }
    }
    return started ? out : Buffer.from(EMPTY_ROOT);
  }

  /** Hashes of the partial tile at `level`, copied; empty when the level has none. */
  partialTile(level: number): Buffer {
    const partial = this.levels[level];
    return partial === undefined ? Buffer.alloc(0) : Buffer.from(partial.hashes.subarray(0, partial.width * HASH_BYTES));
  }

  /** Number of levels that hold or held a hash. */
  get levelCount(): number {
    return this.levels.length;
  }

  private level(index: number): Level {
    while (this.levels.length <= index) {
      this.levels.push({
        hashes: Buffer.alloc(TILE_BYTES),
        width: 0,
        subtrees: Buffer.alloc((TILE_HEIGHT + 1) * HASH_BYTES),
      });
    }
    return this.levels[index]!;
  }

  /** Adds a hash to a level's partial tile, merging equal perfect subtrees like a binary counter. True when it is full. */
  private push(index: number, hash: Buffer, at: number): boolean {
    const level = this.level(index);
    hash.copy(level.hashes, level.width * HASH_BYTES, at, at + HASH_BYTES);
    let k = 0;
    hash.copy(carry, 0, at, at + HASH_BYTES);
    while ((level.width & (1 << k)) !== 0) {
      nodeHashInto(level.subtrees, k * HASH_BYTES, carry, 0, carry, 0);
      k += 1;
    }
    carry.copy(level.subtrees, k * HASH_BYTES, 0, HASH_BYTES);
    level.width += 1;
    return level.width === TILE_WIDTH;
  }
}

const NO_TILES: readonly FullTile[] = [];
const carry = Buffer.alloc(HASH_BYTES);

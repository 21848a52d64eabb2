import { TILE_WIDTH, rootOf } from '@countersign/chain';

/** A full tile as it must be stored: its hashes, and the root over them. */
export interface DerivedTile {
  readonly level: number;
  readonly tileIndex: number;
  readonly hashes: Buffer;
  readonly root: Buffer;
}

/**
 * The tree over a ledger's leaves, derived by RFC 6962's own definition and not by the code that the ledger appends
 * with. Tiles of one level are the leaves of the next, because 256 is a power of two: a split never cuts a tile.
 * Keeps one hash for every 256 leaves.
 */
export class DerivedTree {
  private readonly levels: Buffer[][] = [];
  private size = 0;

  get treeSize(): number {
    return this.size;
  }

  /** Adds a leaf. Returns the tiles that it completed, lowest level first. */
  add(leafHash: Buffer): DerivedTile[] {
    this.size += 1;
    return this.addAt(0, leafHash);
  }

  /** Merkle Tree Hash of everything added (RFC 6962 §2.1). */
  root(): Buffer {
    let carried: Buffer | undefined;
    for (const hashes of this.levels) {
      const row = carried === undefined ? hashes : [...hashes, carried];
      if (row.length > 0) carried = rootOf(row);
    }
    return carried ?? rootOf([]);
  }

  private addAt(level: number, hash: Buffer): DerivedTile[] {
    const open = (this.levels[level] ??= []);
    open.push(hash);
    if (open.length < TILE_WIDTH) return [];
    const root = rootOf(open);
    const tile = { level, tileIndex: this.size / TILE_WIDTH ** (level + 1) - 1, hashes: Buffer.concat(open), root };
    this.levels[level] = [];
    return [tile, ...this.addAt(level + 1, root)];
  }
}

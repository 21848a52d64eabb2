import { TILE_WIDTH, leafHash, nodeHash, rootOf, splitPoint } from '../src/index.js';
import type { HashSource } from '../src/index.js';

/** Leaf hashes of entries that all differ. */
export function leafHashesOf(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => leafHash(Buffer.from(`entry ${index}`)));
}

/** Tiles derived from leaf hashes by the definition of tlog-tiles. Rejects for a hash that no tree of that size has. */
export class DefinedTiles implements HashSource {
  /** What was asked for, as `level/index.p/width`. */
  readonly fetched: string[] = [];
  private readonly kept = new Map<string, Buffer>();

  constructor(private readonly leafHashes: readonly Buffer[]) {}

  async hashes(level: number, tileIndex: number, width: number): Promise<Uint8Array> {
    const name = `${level}/${tileIndex}.p/${width}`;
    this.fetched.push(name);
    const tile = this.kept.get(name) ?? this.derive(level, tileIndex, width);
    this.kept.set(name, tile);
    return tile;
  }

  private derive(level: number, tileIndex: number, width: number): Buffer {
    const span = TILE_WIDTH ** level;
    const hashes = Array.from({ length: width }, (_, i) => {
      const start = (tileIndex * TILE_WIDTH + i) * span;
      if (start + span > this.leafHashes.length) throw new Error(`no hash ${i} in tile ${level}/${tileIndex}`);
      return rootOf(this.leafHashes.slice(start, start + span));
    });
    return Buffer.concat(hashes);
  }
}

const perfect = [leafHash(Buffer.from('same'))];
for (let height = 1; height <= 53; height++) perfect.push(nodeHash(perfect[height - 1]!, perfect[height - 1]!));

/** A tree whose leaves are all equal, so that its hashes are known at any size up to 2^53 - 1. */
export const equalTree = {
  leafHash: perfect[0]!,
  rootOf(treeSize: number): Buffer {
    if (treeSize === 1) return perfect[0]!;
    const k = splitPoint(treeSize);
    const left = perfect[Math.round(Math.log2(k))]!;
    return nodeHash(left, equalTree.rootOf(treeSize - k));
  },
  async hashes(level: number, _tileIndex: number, width: number): Promise<Uint8Array> {
    return Buffer.concat(Array.from({ length: width }, () => perfect[level * 8]!));
  },
};

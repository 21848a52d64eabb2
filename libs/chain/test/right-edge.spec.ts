import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EMPTY_ROOT, HASH_BYTES, RightEdge, TILE_WIDTH, leafHash, rootOf } from '../src/index.js';
import type { FullTile } from '../src/index.js';

const SMALL = 600;
const LARGE = TILE_WIDTH ** 2;

const leaves = Array.from({ length: LARGE + 2 * TILE_WIDTH }, (_, i) => leafHash(Buffer.from(`entry ${i}`)));

/** Appends leaves [edge.treeSize, size) and returns the tiles that they complete. */
function grow(edge: RightEdge, size: number): FullTile[] {
  const tiles: FullTile[] = [];
  for (let i = edge.treeSize; i < size; i++) tiles.push(...edge.append(leaves[i]!));
  return tiles;
}

function edgeOf(size: number): RightEdge {
  const edge = RightEdge.empty();
  grow(edge, size);
  return edge;
}

/** Hashes `start` to `end` at a tile level, by the definition of tlog-tiles: roots of 256^level leaves. */
function hashesOf(level: number, start: number, end: number): Buffer {
  const span = TILE_WIDTH ** level;
  return Buffer.concat(Array.from({ length: end - start }, (_, i) => rootOf(leaves.slice((start + i) * span, (start + i + 1) * span))));
}

function partialTilesOf(edge: RightEdge): Buffer[] {
  return Array.from({ length: edge.levelCount }, (_, level) => edge.partialTile(level));
}

const size = fc.integer({ min: 0, max: SMALL });

describe('the root', () => {
  it('of the empty tree is the hash of nothing', () => {
    expect(RightEdge.empty().root()).toEqual(EMPTY_ROOT);
    expect(EMPTY_ROOT.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('equals the definition for sizes 0 to 600', () => {
    const edge = RightEdge.empty();
    for (let treeSize = 0; treeSize <= SMALL; treeSize++) {
      expect([treeSize, edge.treeSize, edge.root()]).toEqual([treeSize, treeSize, rootOf(leaves.slice(0, treeSize))]);
      grow(edge, treeSize + 1);
    }
  });

  it('equals the definition around 256 × 256, where a third level begins', () => {
    const edge = RightEdge.empty();
    for (const treeSize of [LARGE - TILE_WIDTH, LARGE - 1, LARGE, LARGE + 1, LARGE + TILE_WIDTH - 1, LARGE + TILE_WIDTH, LARGE + TILE_WIDTH + 1]) {
      grow(edge, treeSize);
      expect([treeSize, edge.root()]).toEqual([treeSize, rootOf(leaves.slice(0, treeSize))]);
    }
  });

  it('is the caller’s own to write on', () => {
    const edge = edgeOf(3);
    edge.root().fill(0);
    RightEdge.empty().root().fill(0);
    expect(edge.root()).toEqual(rootOf(leaves.slice(0, 3)));
    expect(RightEdge.empty().root()).toEqual(EMPTY_ROOT);
  });
});

describe('tiles', () => {
  it('are completed exactly when their last hash is there, and equal the definition', () => {
    const edge = RightEdge.empty();
    const completed = new Map<string, FullTile>();
    const sizes: Record<string, number> = {};
    for (let treeSize = 1; treeSize <= LARGE + TILE_WIDTH; treeSize++) {
      for (const tile of edge.append(leaves[treeSize - 1]!)) {
        completed.set(`${tile.level}/${tile.tileIndex}`, tile);
        sizes[`${tile.level}/${tile.tileIndex}`] = treeSize;
      }
    }
    const wanted = Array.from({ length: TILE_WIDTH + 1 }, (_, index) => [`0/${index}`, (index + 1) * TILE_WIDTH]);
    expect(sizes).toEqual({ ...Object.fromEntries(wanted), '1/0': LARGE });
    for (const name of ['0/0', '0/1', '0/255', '0/256', '1/0']) {
      const { level, tileIndex, hashes, root } = completed.get(name)!;
      expect(hashes).toEqual(hashesOf(level, tileIndex * TILE_WIDTH, (tileIndex + 1) * TILE_WIDTH));
      expect(root).toEqual(hashesOf(level + 1, tileIndex, tileIndex + 1));
    }
  });

  it('do not change when the edge goes on', () => {
    const edge = edgeOf(TILE_WIDTH - 1);
    const [tile] = grow(edge, TILE_WIDTH);
    const copy = Buffer.from(tile!.hashes);
    const root = Buffer.from(tile!.root);
    grow(edge, 2 * TILE_WIDTH);
    expect(tile).toEqual({ level: 0, tileIndex: 0, hashes: copy, root });
  });

  it('that are partial equal the definition at every level', () => {
    for (const treeSize of [0, 1, 255, 256, 257, 600, LARGE - 1, LARGE, LARGE + 1, LARGE + TILE_WIDTH + 7]) {
      const edge = edgeOf(treeSize);
      for (const level of [0, 1, 2, 3]) {
        const count = Math.floor(treeSize / TILE_WIDTH ** level);
        expect(edge.partialTile(level)).toEqual(hashesOf(level, count - (count % TILE_WIDTH), count));
      }
    }
  });
});

describe('an edge rebuilt from partial tiles', () => {
  it('has the same root and grows into the same tree', () => {
    fc.assert(
      fc.property(size, size, (one, other) => {
        const [from, to] = one < other ? [one, other] : [other, one];
        const edge = edgeOf(from);
        const rebuilt = RightEdge.fromPartialTiles(from, partialTilesOf(edge));
        expect(rebuilt.treeSize).toBe(from);
        expect(rebuilt.root()).toEqual(edge.root());
        expect(grow(rebuilt, to)).toEqual(grow(edge, to));
        expect(rebuilt.root()).toEqual(edge.root());
      }),
      { numRuns: 40 },
    );
  });

  it.each([LARGE - 1, LARGE, LARGE + 1])('of %i leaves grows over the border of the third level', (treeSize) => {
    const edge = edgeOf(treeSize);
    const rebuilt = RightEdge.fromPartialTiles(treeSize, partialTilesOf(edge));
    const to = LARGE + TILE_WIDTH + 3;
    expect(grow(rebuilt, to)).toEqual(grow(edge, to));
    expect(rebuilt.root()).toEqual(rootOf(leaves.slice(0, to)));
  });

  it('of a size beyond 32 bits keeps its numbers', () => {
    const treeSize = 2 ** 40 + 255;
    const hash = leaves[0]!;
    const widths = [255, 0, 0, 0, 0, 1];
    const edge = RightEdge.fromPartialTiles(treeSize, widths.map((width) => Buffer.concat(Array.from({ length: width }, () => hash))));
    const [tile, ...more] = edge.append(hash);
    expect(tile).toMatchObject({ level: 0, tileIndex: 2 ** 32 });
    expect(more).toEqual([]);
    expect(edge.treeSize).toBe(2 ** 40 + 256);
  });

  it.each([
    ['one hash too few', 3, [2]],
    ['one hash too many', 3, [4]],
    ['no tile where there must be one', 300, [44]],
    ['a tile where there is none', 256, [1, 1]],
    ['a full tile in place of none', 256, [256, 1]],
  ])('is refused with %s', (_what, treeSize, widths) => {
    const partials = widths.map((width) => Buffer.alloc(width * HASH_BYTES));
    expect(() => RightEdge.fromPartialTiles(treeSize, partials)).toThrow(RangeError);
  });

  it('is refused with half a hash', () => {
    expect(() => RightEdge.fromPartialTiles(1, [Buffer.alloc(HASH_BYTES - 1)])).toThrow('level 0 of a tree of 1 needs 1 hashes');
  });
});

describe('a clone', () => {
  it('grows apart from what it was cloned from', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 300 }), (from, more) => {
        const edge = edgeOf(from);
        const root = edge.root();
        const clone = edge.clone();
        grow(clone, from + more);
        expect([edge.treeSize, edge.root()]).toEqual([from, root]);
        edge.append(leaves.at(-1)!);
        expect([clone.treeSize, clone.root()]).toEqual([from + more, rootOf(leaves.slice(0, from + more))]);
      }),
    );
  });
});

describe('a leaf', () => {
  it('is read where it stands in a larger buffer, and copied', () => {
    const edge = RightEdge.empty();
    const larger = Buffer.concat([Buffer.alloc(5, 9), leaves[0]!, leaves[1]!]);
    edge.append(larger, 5);
    edge.append(larger, 5 + HASH_BYTES);
    larger.fill(0);
    expect(edge.root()).toEqual(rootOf(leaves.slice(0, 2)));
  });
});

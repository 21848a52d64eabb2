import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  buildConsistencyProof,
  buildInclusionProof,
  encodeEntryBundle,
  inclusionPathOf,
  parseEntryBundle,
  parseTilePath,
  rootOf,
  tilePath,
  tileWidth,
  tilesOf,
  treeRoot,
  verifyConsistency,
} from '../src/index.js';
import type { HashSource } from '../src/index.js';
import { DefinedTiles, leafHashesOf } from './defined-tiles.js';
import { faultOf } from './vectors.js';

describe('tiles of a tree of 70,000 leaves', () => {
  const leaves = leafHashesOf(70_000);
  const root = rootOf(leaves);

  it('a proof fetches each tile it crosses once, at the width of the signed tree', async () => {
    const tiles = new DefinedTiles(leaves);
    expect(await buildInclusionProof(tiles, 69_999, 70_000)).toEqual(inclusionPathOf(69_999, leaves));
    expect(tiles.fetched.sort()).toEqual(['0/273.p/112', '1/1.p/17', '2/0.p/1']);
  });

  it('proofs and roots across three levels are those of the definition, also when tiles are used again', async () => {
    const tiles = new DefinedTiles(leaves);
    for (const leafIndex of [255, 65_535, 65_536, 69_888]) {
      expect(await buildInclusionProof(tiles, leafIndex, 70_000)).toEqual(inclusionPathOf(leafIndex, leaves));
    }
    expect(await treeRoot(tiles, 70_000)).toEqual(root);
    for (const oldSize of [256, 65_537]) {
      const proof = await buildConsistencyProof(tiles, oldSize, 70_000);
      verifyConsistency({ oldSize, oldRoot: rootOf(leaves.slice(0, oldSize)), newSize: 70_000, newRoot: root, proof });
    }
  });

  it('a proof asks for all of its tiles before any arrives', async () => {
    const tiles = new DefinedTiles(leaves);
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const gated: HashSource = {
      hashes: async (level, index, width) => {
        const hashes = tiles.hashes(level, index, width);
        await gate;
        return hashes;
      },
    };
    const proof = buildInclusionProof(gated, 300, 70_000);
    expect(tiles.fetched.sort()).toEqual(['0/1.p/256', '1/0.p/256', '1/1.p/17', '0/273.p/112'].sort());
    open();
    expect(await proof).toEqual(inclusionPathOf(300, leaves));
  });

  it('a tile of another length than asked for is refused', async () => {
    const short: HashSource = { hashes: async (_level, _index, width) => Buffer.alloc(width * 32 - 1) };
    expect(await faultOf(() => treeRoot(short, 70_000))).toBe('TILE_MALFORMED');
  });

  it('the error of a tile that cannot be had passes through', async () => {
    const tiles = new DefinedTiles(leaves.slice(0, 300));
    await expect(treeRoot(tiles, 301)).rejects.toThrow('no hash 44 in tile 0/1');
  });

  it('no proof is built for a leaf or a size that the tree has not', async () => {
    const tiles = new DefinedTiles(leaves);
    expect(await faultOf(() => buildInclusionProof(tiles, 70_000, 70_000))).toBe('PROOF_INDEX_OUT_OF_RANGE');
    expect(await faultOf(() => buildInclusionProof(tiles, -1, 70_000))).toBe('PROOF_INDEX_OUT_OF_RANGE');
    expect(await faultOf(() => buildConsistencyProof(tiles, 2, 1))).toBe('CONSISTENCY_SIZE_DECREASES');
    expect(await faultOf(() => buildConsistencyProof(tiles, 0.5, 1))).toBe('PROOF_MALFORMED');
    expect(tiles.fetched).toEqual([]);
  });
});

describe('tile paths', () => {
  const level = fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const));

  it('every path is read back as what was written', () => {
    fc.assert(
      fc.property(level, fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (l, index, width) => {
        expect(parseTilePath(tilePath(l, index, width))).toEqual({ level: l, index, width });
      }),
    );
  });

  it('a path that is read is the only one of its tile', async () => {
    const path = fc.stringMatching(/^tile\/(entries|[0-9]{1,2})\/(x[0-9]{3}\/){0,3}[0-9]{3}(\.p\/[0-9]{1,3})?$/);
    await fc.assert(
      fc.asyncProperty(path, async (text) => {
        const fault = await faultOf(() => parseTilePath(text));
        if (fault !== undefined) return expect(fault).toBe('TILE_PATH_MALFORMED');
        const { level: l, index, width } = parseTilePath(text);
        expect(tilePath(l, index, width)).toBe(text);
      }),
    );
  });

  it('the tiles of a tree hold each complete subtree of each level exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300_000 }), (treeSize) => {
        const tiles = [...tilesOf(treeSize)];
        expect(tiles.every(({ level: l, index, width }) => width === tileWidth(l, index, treeSize))).toBe(true);
        const counts: number[] = [];
        for (const { level: l, width } of tiles) counts[l] = (counts[l] ?? 0) + width;
        counts.forEach((count, l) => expect(count).toBe(Math.floor(treeSize / 256 ** l)));
      }),
      { numRuns: 20 },
    );
  });
});

describe('entry bundles', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 });

  it('every bundle is read back as the entries that were written', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const read = parseEntryBundle(encodeEntryBundle(list), list.length);
        expect(read.map((entry) => [...entry])).toEqual(list.map((entry) => [...entry]));
      }),
      { numRuns: 30 },
    );
  });

  it('a bundle without its last byte is refused', async () => {
    await fc.assert(
      fc.asyncProperty(entries, async (list) => {
        const bundle = encodeEntryBundle(list);
        expect(await faultOf(() => parseEntryBundle(bundle.subarray(0, -1), list.length))).toBe('TILE_MALFORMED');
      }),
      { numRuns: 30 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { RightEdge, rootOf, sha256 } from '@countersign/chain';
import { fullTileCount } from '../src/fsck/check-tiles.js';
import { DerivedTree } from '../src/fsck/derived-tree.js';

const LEAVES = Array.from({ length: 66_000 }, (_, i) => sha256(Buffer.from(`leaf ${i}`)));

describe('the tree that fsck derives', () => {
  it.each([0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 600, 65_535, 65_536, 65_537, 66_000])('of %i leaves has the root of the definition', (size) => {
    const leaves = LEAVES.slice(0, size);
    const tree = new DerivedTree();
    for (const one of leaves) tree.add(one);
    expect(tree.root().equals(rootOf(leaves))).toBe(true);
  });

  it('has the tiles that the append makes', () => {
    const tree = new DerivedTree();
    const edge = RightEdge.empty();
    let tiles = 0;
    for (const leaf of LEAVES) {
      const [derived, appended] = [tree.add(leaf), edge.append(leaf)];
      tiles += derived.length;
      if (derived.length + appended.length > 0) expect(derived).toEqual(appended);
    }
    expect(tiles).toBe(fullTileCount(LEAVES.length));
  });
});

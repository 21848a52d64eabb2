import { TILE_WIDTH } from '@countersign/chain';
import type { DerivedTile } from './derived-tree.js';
import type { Findings } from './findings.js';

export interface TileRow {
  readonly hashes: Buffer;
  readonly root: Buffer;
}

/** Compares a stored tile with the one derived from the entries. */
export function checkTile(derived: DerivedTile, stored: TileRow | undefined, findings: Findings): void {
  const { level, tileIndex, hashes, root } = derived;
  const firstLeaf = tileIndex * TILE_WIDTH ** (level + 1);
  const name = `tile ${level}/${tileIndex}`;
  if (stored === undefined) return findings.add('TILE_MISSING', `${name} is not there`, firstLeaf);
  if (!stored.hashes.equals(hashes)) findings.add('TILE_ALTERED', `${name} has not the hashes that the entries give`, firstLeaf);
  if (!stored.root.equals(root)) findings.add('TILE_ROOT_ALTERED', `${name} has not the root that the entries give`, firstLeaf);
}

/** How many full tiles a ledger of `treeSize` entries has. */
export function fullTileCount(treeSize: number): number {
  let count = 0;
  for (let span = TILE_WIDTH; span <= treeSize; span *= TILE_WIDTH) count += Math.floor(treeSize / span);
  return count;
}

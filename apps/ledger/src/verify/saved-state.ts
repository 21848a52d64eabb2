import { RightEdge, type VerifiedState } from '@countersign/chain';

/** A verified state in a form that crosses threads and lies in files. */
export interface SavedState {
  readonly index: number;
  readonly previousEventHash: string;
  readonly recordedAt: string;
  /** Base64 hashes of the partial tile of each level. */
  readonly partialTiles: readonly string[];
}

export function saveState({ index, previousEventHash, recordedAt, edge }: VerifiedState): SavedState {
  const partialTiles: string[] = [];
  for (let level = 0; level < edge.levelCount; level++) partialTiles.push(edge.partialTile(level).toString('base64'));
  return { index, previousEventHash, recordedAt, partialTiles };
}

/** Throws RangeError when the tiles do not fit the size. */
export function restoreState(saved: SavedState): VerifiedState {
  const edge = RightEdge.fromPartialTiles(saved.index, saved.partialTiles.map((tile) => Buffer.from(tile, 'base64')));
  return { index: saved.index, previousEventHash: saved.previousEventHash, recordedAt: saved.recordedAt, edge };
}

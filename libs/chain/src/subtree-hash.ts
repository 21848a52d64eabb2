import { ChainFault } from './fault.js';
import { EMPTY_ROOT, HASH_BYTES, nodeHashInto } from './hash.js';
import { TILE_HEIGHT, TILE_WIDTH, tileWidth } from './tile.js';
import type { HashSource } from './tile.js';
import { perfectSubtrees } from './tree.js';
import type { LeafRange, PerfectSubtree } from './tree.js';

/** The rows between a tile's hashes and its root, hashed on demand and only where a proof asks. */
class TileInterior {
  /** Heap order: row r starts at 2^(8-r), so the node over nodes 2i and 2i + 1 is i, and the root is 1. */
  private readonly nodes = Buffer.allocUnsafe(TILE_WIDTH * HASH_BYTES);
  private readonly known = new Uint8Array(TILE_WIDTH);

  constructor(private readonly hashes: Uint8Array) {}

  /** Copies the hash of a node, given in heap order, to `out`. */
  read(node: number, out: Buffer, outAt: number): void {
    if (node >= TILE_WIDTH) {
      const at = (node - TILE_WIDTH) * HASH_BYTES;
      out.set(this.hashes.subarray(at, at + HASH_BYTES), outAt);
    } else {
      this.derive(node);
      this.nodes.copy(out, outAt, node * HASH_BYTES, (node + 1) * HASH_BYTES);
    }
  }

  private derive(node: number): void {
    if (this.known[node] === 1) return;
    const left = 2 * node;
    if (left >= TILE_WIDTH) {
      const at = (left - TILE_WIDTH) * HASH_BYTES;
      nodeHashInto(this.hashes, at, this.hashes, at + HASH_BYTES, this.nodes, node * HASH_BYTES);
    } else {
      this.derive(left);
      this.derive(left + 1);
      nodeHashInto(this.nodes, left * HASH_BYTES, this.nodes, (left + 1) * HASH_BYTES, this.nodes, node * HASH_BYTES);
    }
    this.known[node] = 1;
  }
}

// A proof in a large tree needs 247 of the 255 interior hashes of each tile it crosses. Keyed by the array that the
// source returned, so they live exactly as long as the source's own cache keeps the tile.
const interiors = new WeakMap<Uint8Array, TileInterior>();

interface Place {
  readonly level: number;
  readonly tileIndex: number;
  /** Node inside the tile, in heap order. */
  readonly node: number;
}

function placeOf({ height, index }: PerfectSubtree): Place {
  const level = Math.floor(height / TILE_HEIGHT);
  const rowNodes = 2 ** (TILE_HEIGHT - (height % TILE_HEIGHT));
  return { level, tileIndex: Math.floor(index / rowNodes), node: rowNodes + (index % rowNodes) };
}

/**
 * Merkle Tree Hashes of ranges of leaves in a tree of `treeSize` leaves (RFC 6962 §2.1), in the order asked. Each tile
 * is fetched once, all at the same time, at the width that it has in that tree. Throws TILE_MALFORMED when the source
 * returns another length than it was asked for; rejects with the source's own error when a tile cannot be had.
 */
export async function subtreeHashes(source: HashSource, treeSize: number, ranges: readonly LeafRange[]): Promise<Buffer[]> {
  const places = ranges.map((range) => perfectSubtrees(range).map(placeOf));
  const wanted = new Map<string, Place>();
  for (const place of places.flat()) wanted.set(tileKey(place), place);
  const tiles = new Map<string, TileInterior>();
  await Promise.all(
    [...wanted].map(async ([key, place]) => {
      tiles.set(key, await fetchTile(source, treeSize, place));
    }),
  );
  return places.map((nodes) => foldFromRight(nodes, tiles));
}

async function fetchTile(source: HashSource, treeSize: number, { level, tileIndex }: Place): Promise<TileInterior> {
  const width = tileWidth(level, tileIndex, treeSize);
  const hashes = await source.hashes(level, tileIndex, width);
  if (hashes.length !== width * HASH_BYTES) {
    throw new ChainFault('TILE_MALFORMED', `tile ${level}/${tileIndex} has ${hashes.length} bytes, not ${width} hashes`, { treeSize });
  }
  let interior = interiors.get(hashes);
  if (interior === undefined) {
    interior = new TileInterior(hashes);
    interiors.set(hashes, interior);
  }
  return interior;
}

/** A ragged right edge is hashed from its last perfect subtree leftwards (RFC 6962 §2.1). */
function foldFromRight(nodes: readonly Place[], tiles: ReadonlyMap<string, TileInterior>): Buffer {
  if (nodes.length === 0) return Buffer.from(EMPTY_ROOT);
  const out = Buffer.allocUnsafe(HASH_BYTES);
  const left = Buffer.allocUnsafe(HASH_BYTES);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const place = nodes[i]!;
    const tile = tiles.get(tileKey(place))!;
    if (i === nodes.length - 1) {
      tile.read(place.node, out, 0);
    } else {
      tile.read(place.node, left, 0);
      nodeHashInto(left, 0, out, 0, out, 0);
    }
  }
  return out;
}

function tileKey({ level, tileIndex }: Place): string {
  return `${level}/${tileIndex}`;
}

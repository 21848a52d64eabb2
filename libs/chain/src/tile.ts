import { ChainFault } from './fault.js';

/** Tiles of the tree and their paths (C2SP tlog-tiles). */

export const TILE_HEIGHT = 8;
/** Hashes, or entries, of a full tile. */
export const TILE_WIDTH = 256;
/** Highest level that a path may name (tlog-tiles, "Merkle Tree"). */
export const TILE_LEVEL_MAX = 63;
const TILE_PATH_CHARS_MAX = 64;

/** Level of a hash tile, or `entries` for an entry bundle. */
export type TileLevel = number | 'entries';

export interface TileId {
  readonly level: TileLevel;
  readonly index: number;
  /** 1 to 256; less than 256 is a partial tile. */
  readonly width: number;
}

/** Where a proof finds the tree. */
export interface HashSource {
  /**
   * The first `width` hashes of a tile, `width` × 32 bytes, from a tile at least that wide. Rejects when there is none.
   * The bytes must not change afterwards: returning the same array again lets its interior hashes be reused.
   */
  hashes(level: number, tileIndex: number, width: number): Promise<Uint8Array>;
}

const ELEMENT = 1000;

/**
 * Path of a tile below the ledger's prefix: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`. `width` 256 is a full
 * tile. Throws TILE_PATH_MALFORMED for a level, index or width that no tile has.
 */
export function tilePath(level: TileLevel, index: number, width: number = TILE_WIDTH): string {
  if (level !== 'entries' && !(Number.isInteger(level) && level >= 0 && level <= TILE_LEVEL_MAX)) throw malformed('level');
  if (!Number.isSafeInteger(index) || index < 0) throw malformed('index');
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) throw malformed('width');
  let elements = threeDigits(index % ELEMENT);
  for (let rest = Math.floor(index / ELEMENT); rest > 0; rest = Math.floor(rest / ELEMENT)) {
    elements = `x${threeDigits(rest % ELEMENT)}/${elements}`;
  }
  return `tile/${level}/${elements}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

const PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** Reads a path that {@link tilePath} can write, and no other: one tile has one path. Throws TILE_PATH_MALFORMED. */
export function parseTilePath(path: string): TileId {
  const match = path.length <= TILE_PATH_CHARS_MAX ? PATH.exec(path) : null;
  if (match === null) throw malformed('form');
  const level = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const index = Number(match[2]!.replaceAll(/[x/]/g, ''));
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
  // Writing it again refuses every other spelling: leading zeros, x000 elements, `.p/256`.
  if (tilePath(level, index, width) !== path) throw malformed('canonical form');
  return { level, index, width };
}

/** Width of the partial tile at `level` in a tree of `treeSize` leaves: floor(s / 256^l) mod 256; 0 when there is none. */
export function partialWidth(level: number, treeSize: number): number {
  return hashCount(level, treeSize) % TILE_WIDTH;
}

/** Width, in a tree of `treeSize` leaves, of one tile: 256, the partial width, or 0 beyond the tree. */
export function tileWidth(level: number, tileIndex: number, treeSize: number): number {
  const rest = hashCount(level, treeSize) - tileIndex * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, rest));
}

/** Every hash tile of a tree of `treeSize` leaves, level by level from the leaves, left to right. */
export function* tilesOf(treeSize: number): Generator<TileId & { readonly level: number }> {
  for (let level = 0; hashCount(level, treeSize) > 0; level++) {
    const count = hashCount(level, treeSize);
    for (let index = 0; index * TILE_WIDTH < count; index++) {
      yield { level, index, width: tileWidth(level, index, treeSize) };
    }
  }
}

/** Number of hashes at a tile level: complete subtrees of 256^level leaves. Exact, as the divisor is a power of two. */
function hashCount(level: number, treeSize: number): number {
  return Math.floor(treeSize / TILE_WIDTH ** level);
}

function threeDigits(value: number): string {
  return String(value).padStart(3, '0');
}

function malformed(what: string): ChainFault {
  return new ChainFault('TILE_PATH_MALFORMED', `tile path: ${what} is not that of a tile`, { field: what });
}

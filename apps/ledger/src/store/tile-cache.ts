import { HASH_BYTES, TILE_WIDTH, type HashSource } from '@countersign/chain';
import { LRUCache } from 'lru-cache';
import type { Ledger } from '../append/head.js';
import type { TileRows } from './pg-tile-rows.js';

/** All ledgers together, tiles and the interior hashes that proofs derive from them. */
export const TILE_CACHE_BYTES_MAX = 64 * 1024 * 1024;
// Proofs keep the hashes inside a tile beside it, as many bytes again (libs/chain, subtree-hash.ts).
const INTERIOR_BYTES = TILE_WIDTH * HASH_BYTES;

/**
 * Tiles of all ledgers, read once and kept within a number of bytes. What is stored never changes, so nothing here
 * expires; a partial tile is a prefix of what it becomes, so it grows by the hashes that it lacks.
 */
export class TileCache {
  private readonly tiles: LRUCache<string, Buffer>;
  private readonly underway = new Map<string, Promise<Buffer>>();

  constructor(
    private readonly rows: TileRows,
    bytesMax: number = TILE_CACHE_BYTES_MAX,
  ) {
    this.tiles = new LRUCache({ maxSize: bytesMax, sizeCalculation: (hashes) => hashes.length + INTERIOR_BYTES });
  }

  /** The tree of one ledger, as proofs read it. */
  sourceOf(ledger: Ledger): HashSource {
    return { hashes: (level, tileIndex, width) => this.hashes(ledger, level, tileIndex, width) };
  }

  /** The first `width` hashes of a tile. Throws TILE_MISSING, ENTRY_MISSING or TILE_MALFORMED. */
  async hashes(ledger: Ledger, level: number, tileIndex: number, width: number): Promise<Buffer> {
    const key = keyOf(ledger, level, tileIndex);
    const known = this.tiles.get(key);
    const bytes = width * HASH_BYTES;
    // The same array again where possible: its interior hashes are found by it.
    if (known !== undefined && known.length >= bytes) return known.length === bytes ? known : known.subarray(0, bytes);
    const request = `${key}/${width}`;
    const earlier = this.underway.get(request);
    if (earlier !== undefined) return earlier;
    const reading = this.read(ledger, level, tileIndex, width, known).then((hashes) => {
      this.keep(key, hashes);
      return hashes;
    });
    this.underway.set(request, reading);
    try {
      return await reading;
    } finally {
      this.underway.delete(request);
    }
  }

  /** Takes a tile as it is stored, which came along with something else, unless it is known. */
  add(ledger: Ledger, level: number, tileIndex: number, hashes: Buffer): void {
    this.keep(keyOf(ledger, level, tileIndex), hashes);
  }

  /** Drops what is known of a ledger: a proof from it failed, and the reason may be here and gone from the database. */
  forget(ledger: Ledger): void {
    const prefix = `${ledger.ledgerId}/`;
    for (const key of this.tiles.keys()) if (key.startsWith(prefix)) this.tiles.delete(key);
  }

  private async read(ledger: Ledger, level: number, tileIndex: number, width: number, known: Buffer | undefined): Promise<Buffer> {
    if (width === TILE_WIDTH) return this.rows.fullTile(ledger, level, tileIndex);
    const have = (known?.length ?? 0) / HASH_BYTES;
    const first = tileIndex * TILE_WIDTH;
    const more = await this.rows.hashes(ledger, level, first + have, first + width);
    return known === undefined ? more : Buffer.concat([known, more]);
  }

  private keep(key: string, hashes: Buffer): void {
    const known = this.tiles.peek(key);
    if (known === undefined || known.length < hashes.length) this.tiles.set(key, hashes);
  }
}

function keyOf({ ledgerId }: Ledger, level: number, tileIndex: number): string {
  return `${ledgerId}/${level}/${tileIndex}`;
}

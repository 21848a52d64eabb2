import { ChainFault, HASH_BYTES, TILE_WIDTH } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

/** The tree as it is stored: full tiles, and what partial tiles are derived from. */
export interface TileRows {
  /** 256 hashes. Throws TILE_MISSING or TILE_MALFORMED. */
  fullTile(ledger: Ledger, level: number, tileIndex: number): Promise<Buffer>;
  /** Hashes [start, end) of a level: leaf hashes at level 0, roots of full tiles above. Throws ENTRY_MISSING, TILE_MISSING. */
  hashes(ledger: Ledger, level: number, start: number, end: number): Promise<Buffer>;
}

interface HashesRow {
  readonly count: number;
  readonly hashes: Buffer | null;
}

// Hashing where the entries lie spares moving them: a partial tile comes as one value of at most 8 KiB.
const LEAF_HASHES_SQL = `
  SELECT count(*)::int AS count, string_agg(sha256('\\x00'::bytea || entry), ''::bytea ORDER BY leaf_index) AS hashes
    FROM entries WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3`;
const TILE_ROOTS_SQL = `
  SELECT count(*)::int AS count, string_agg(root, ''::bytea ORDER BY tile_index) AS hashes
    FROM tiles WHERE ledger_id = $1 AND level = $4 AND tile_index >= $2 AND tile_index < $3`;

/** Reads tiles over a pool of the role `ledger_reader`. */
export class PgTileRows implements TileRows {
  constructor(private readonly pool: pg.Pool) {}

  async fullTile(ledger: Ledger, level: number, tileIndex: number): Promise<Buffer> {
    const { rows } = await this.pool.query<{ hashes: Buffer }>({
      name: 'full-tile',
      text: 'SELECT hashes FROM tiles WHERE ledger_id = $1 AND level = $2 AND tile_index = $3',
      values: [ledger.ledgerId, level, tileIndex],
    });
    const hashes = rows[0]?.hashes;
    if (hashes === undefined) throw missing(level, tileIndex * TILE_WIDTH, (tileIndex + 1) * TILE_WIDTH);
    return hashes;
  }

  async hashes(ledger: Ledger, level: number, start: number, end: number): Promise<Buffer> {
    const { rows } =
      level === 0
        ? await this.pool.query<HashesRow>(LEAF_HASHES_SQL, [ledger.ledgerId, start, end])
        : await this.pool.query<HashesRow>(TILE_ROOTS_SQL, [ledger.ledgerId, start, end, level - 1]);
    const { count, hashes } = rows[0]!;
    // Indexes are unique: as many rows as the range is long are the whole range.
    if (count !== end - start || hashes?.length !== count * HASH_BYTES) throw missing(level, start, end);
    return hashes;
  }
}

function missing(level: number, start: number, end: number): ChainFault {
  const leafIndex = start * TILE_WIDTH ** level;
  return level === 0
    ? new ChainFault('ENTRY_MISSING', `of the entries ${start} to ${end - 1} some are not there`, { leafIndex })
    : new ChainFault('TILE_MISSING', `of the tree's hashes ${start} to ${end - 1} of level ${level} some are not there`, { leafIndex });
}

import { ChainFault } from '@countersign/chain';
import { withTransaction } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import { readHead } from '../store/load-head.js';

/** The database's own word about a ledger's ends, in one snapshot. */
interface Ends {
  readonly headSize: number | undefined;
  readonly headLastEventHash: string | undefined;
  /** One more than the highest index that any entry has. */
  readonly entriesEnd: number;
  readonly checkpointSizeMax: number;
  readonly fullTiles: number;
}

/**
 * Checks that the tail is all there, before it is read: nothing shorter than what was signed, nothing beyond the head.
 * Returns the head row's claim. Throws LEDGER_ROLLED_BACK, TAIL_MISSING, HEAD_*, ENTRY_BEYOND_HEAD or TILE_UNEXPECTED.
 */
export async function verifyEnds(pool: pg.Pool, ledger: Ledger, signedSize: number): Promise<{ treeSize: number; lastEventHash: string }> {
  const ends = await readEnds(pool, ledger);
  if (ends.headSize === undefined) throw new ChainFault('HEAD_MISSING', `ledger ${ledger.tenant} has no head`, { leafIndex: 0 });
  const size = Math.min(ends.headSize, ends.entriesEnd);
  if (size < signedSize) throw shorter(ends, size, signedSize);
  if (ends.entriesEnd > ends.headSize) {
    throw new ChainFault('ENTRY_BEYOND_HEAD', `entries stand beyond the head, to ${ends.entriesEnd - 1}`, { leafIndex: ends.headSize, treeSize: ends.entriesEnd });
  }
  if (ends.entriesEnd < ends.headSize) {
    throw new ChainFault('HEAD_SIZE_MISMATCH', `the head says ${ends.headSize} entries, there are ${ends.entriesEnd}`, { leafIndex: ends.entriesEnd, treeSize: ends.headSize });
  }
  if (ends.fullTiles > expectedTiles(ends.headSize)) {
    throw new ChainFault('TILE_UNEXPECTED', 'there are more full tiles than the entries make', { leafIndex: ends.headSize });
  }
  return { treeSize: ends.headSize, lastEventHash: ends.headLastEventHash! };
}

/** Holds the head row against entries and tiles. To be called once those are verified. */
export async function verifyHeadRow(pool: pg.Pool, ledger: Ledger): Promise<void> {
  await withTransaction(pool, (client) => readHead(client, ledger), { isolation: 'REPEATABLE READ', readOnly: true });
}

/**
 * Fewer entries than were signed. A whole database put back to an older state knows nothing of the later checkpoints;
 * a tail that was cut off leaves them behind; a head that was moved back leaves the entries.
 */
function shorter(ends: Ends, size: number, signedSize: number): ChainFault {
  const detail = { leafIndex: size, treeSize: signedSize };
  if (ends.entriesEnd >= signedSize) return new ChainFault('HEAD_SIZE_MISMATCH', `the head says ${ends.headSize} entries, ${signedSize} were signed`, detail);
  if (ends.checkpointSizeMax > size) return new ChainFault('TAIL_MISSING', `entries ${size} to ${signedSize - 1} were signed and are not there`, detail);
  return new ChainFault('LEDGER_ROLLED_BACK', `the database is at size ${size}, ${signedSize} were signed: an older state was put back`, detail);
}

async function readEnds(pool: pg.Pool, ledger: Ledger): Promise<Ends> {
  const { rows } = await pool.query<{ tree_size: string | null; last_event_hash: Buffer | null; entries_end: string; checkpoint_max: string; tiles: string }>(
    `SELECT (SELECT tree_size FROM heads WHERE ledger_id = $1) AS tree_size,
            (SELECT last_event_hash FROM heads WHERE ledger_id = $1) AS last_event_hash,
            (SELECT coalesce(max(leaf_index) + 1, 0) FROM entries WHERE ledger_id = $1) AS entries_end,
            (SELECT coalesce(max(tree_size), 0) FROM checkpoints WHERE ledger_id = $1) AS checkpoint_max,
            (SELECT count(*) FROM tiles WHERE ledger_id = $1) AS tiles`,
    [ledger.ledgerId],
  );
  const row = rows[0]!;
  return {
    headSize: row.tree_size === null ? undefined : Number(row.tree_size),
    headLastEventHash: row.last_event_hash?.toString('hex'),
    entriesEnd: Number(row.entries_end),
    checkpointSizeMax: Number(row.checkpoint_max),
    fullTiles: Number(row.tiles),
  };
}

function expectedTiles(treeSize: number): number {
  let tiles = 0;
  for (let span = 256; span <= treeSize; span *= 256) tiles += Math.floor(treeSize / span);
  return tiles;
}

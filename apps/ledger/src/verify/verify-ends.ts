import { ChainFault, TILE_WIDTH } from '@countersign/chain';
import { withTransaction } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import { readHead } from '../store/load-head.js';

/** The database's own word about a ledger's ends, in one snapshot. */
export interface Ends {
  readonly head: { readonly treeSize: number; readonly lastEventHash: string } | undefined;
  /** How many head rows there are. */
  readonly heads: number;
  /** One more than the highest index that any entry has. */
  readonly entriesEnd: number;
  /** The lowest index that any entry has. */
  readonly entriesStart: number;
  readonly checkpointSizeMax: number;
  /** A full tile that the entries do not make. */
  readonly surplusTile: { readonly level: number; readonly tileIndex: number } | undefined;
}

/**
 * Whether the tail is all there, before it is read: nothing shorter than what was signed, nothing beyond the head.
 * The fault is LEDGER_ROLLED_BACK, TAIL_MISSING, HEAD_MISSING, HEAD_SIZE_MISMATCH, ENTRY_BEYOND_HEAD,
 * ENTRY_INDEX_MISMATCH or TILE_UNEXPECTED.
 */
export function judgeEnds(ends: Ends, signedSize: number): ChainFault | undefined {
  const { head, heads, entriesEnd, entriesStart, surplusTile } = ends;
  if (entriesStart < 0) return new ChainFault('ENTRY_INDEX_MISMATCH', `an entry stands outside the tree, under ${entriesStart}`, { leafIndex: 0 });
  const size = Math.min(head?.treeSize ?? Infinity, entriesEnd);
  if (size < signedSize) return shorter(ends, size, signedSize);
  if (heads > 1) return new ChainFault('HEAD_SIZE_MISMATCH', `the ledger has ${heads} heads`, { leafIndex: lastOf(entriesEnd) });
  if (head === undefined) return new ChainFault('HEAD_MISSING', 'the ledger has no head', { leafIndex: lastOf(entriesEnd) });
  if (entriesEnd > head.treeSize) {
    return new ChainFault('ENTRY_BEYOND_HEAD', `entries stand beyond the head, to ${entriesEnd - 1}`, { leafIndex: head.treeSize, treeSize: entriesEnd });
  }
  if (entriesEnd < head.treeSize) {
    return new ChainFault('HEAD_SIZE_MISMATCH', `the head says ${head.treeSize} entries, there are ${entriesEnd}`, { leafIndex: entriesEnd, treeSize: head.treeSize });
  }
  return surplusTile === undefined ? undefined : surplus(surplusTile);
}

/** Holds the head row against entries and tiles. To be called once those are verified. Throws HEAD_*. */
export async function verifyHeadRow(pool: pg.Pool, ledger: Ledger): Promise<void> {
  await withTransaction(pool, (client) => readHead(client, ledger), { isolation: 'REPEATABLE READ', readOnly: true });
}

/** What a head says of a ledger of this size is said of its last entry. */
export const lastOf = (treeSize: number): number => Math.max(0, treeSize - 1);

/**
 * Fewer entries than were signed. A whole database put back to an older state knows nothing of the later checkpoints;
 * a tail that was cut off leaves them behind; a head that was moved back leaves the entries.
 */
function shorter({ head, entriesEnd, checkpointSizeMax }: Ends, size: number, signedSize: number): ChainFault {
  const detail = { leafIndex: size, treeSize: signedSize };
  if (entriesEnd >= signedSize) return new ChainFault('HEAD_SIZE_MISMATCH', `the head says ${head!.treeSize} entries, ${signedSize} were signed`, detail);
  if (checkpointSizeMax > size) return new ChainFault('TAIL_MISSING', `entries ${size} to ${signedSize - 1} were signed and are not there`, detail);
  return new ChainFault('LEDGER_ROLLED_BACK', `the database is at size ${size}, ${signedSize} were signed: an older state was put back`, detail);
}

function surplus({ level, tileIndex }: { readonly level: number; readonly tileIndex: number }): ChainFault {
  const span = TILE_WIDTH ** (Math.max(0, Math.min(level, TREE_LEVEL_MAX)) + 1);
  const leafIndex = Math.min(Math.max(0, tileIndex * span), Number.MAX_SAFE_INTEGER - span);
  const message = `tile ${tileIndex} of level ${level} is there, and the entries make none such`;
  return new ChainFault('TILE_UNEXPECTED', message, { leafIndex, treeSize: leafIndex + span });
}

/** Indexes stay below 2^53 (docs/spec/ledger-format.md): full tiles stand on levels up to this. */
const TREE_LEVEL_MAX = 5;

// The highest index is found at the end of an index, and so is a tile beyond what the entries make: nothing is counted.
const ENDS_SQL = `
  WITH ends AS (
    SELECT (SELECT coalesce(max(leaf_index) + 1, 0) FROM entries WHERE ledger_id = $1) AS entries_end,
           (SELECT coalesce(min(leaf_index), 0) FROM entries WHERE ledger_id = $1) AS entries_start
  ), surplus AS (
    SELECT level, (SELECT tile_index FROM tiles t WHERE t.ledger_id = $1 AND t.level = l.level
                    AND t.tile_index >= greatest(0, entries_end) >> (8 * (l.level + 1)) ORDER BY t.tile_index LIMIT 1) AS tile_index
      FROM ends, generate_series(0, ${TREE_LEVEL_MAX}) AS l(level)
    UNION ALL
    SELECT level, (SELECT tile_index FROM tiles t WHERE t.ledger_id = $1 AND t.level = l.level AND t.tile_index < 0 LIMIT 1)
      FROM generate_series(0, ${TREE_LEVEL_MAX}) AS l(level)
    UNION ALL (SELECT level, tile_index FROM tiles WHERE ledger_id = $1 AND level > ${TREE_LEVEL_MAX} LIMIT 1)
    UNION ALL (SELECT level, tile_index FROM tiles WHERE ledger_id = $1 AND level < 0 LIMIT 1)
  )
  SELECT tree_size, last_event_hash, (SELECT count(*)::int FROM heads WHERE ledger_id = $1) AS heads, entries_end, entries_start, level, tile_index,
         (SELECT coalesce(max(tree_size), 0) FROM checkpoints WHERE ledger_id = $1) AS checkpoint_max
    FROM ends
    LEFT JOIN (SELECT tree_size, last_event_hash FROM heads WHERE ledger_id = $1 LIMIT 1) AS head ON true
    LEFT JOIN (SELECT level, tile_index FROM surplus WHERE tile_index IS NOT NULL ORDER BY level, tile_index LIMIT 1) AS tile ON true`;

interface EndsRow {
  readonly tree_size: string | null;
  readonly last_event_hash: Buffer | null;
  readonly heads: number;
  readonly entries_end: string;
  readonly entries_start: string;
  readonly checkpoint_max: string;
  readonly level: number | null;
  readonly tile_index: string | null;
}

export async function readEnds(pool: pg.Pool, ledger: Ledger): Promise<Ends> {
  const { rows } = await pool.query<EndsRow>(ENDS_SQL, [ledger.ledgerId]);
  const row = rows[0]!;
  return {
    head: row.tree_size === null ? undefined : { treeSize: Number(row.tree_size), lastEventHash: row.last_event_hash!.toString('hex') },
    heads: row.heads,
    entriesEnd: Math.max(0, Number(row.entries_end)),
    entriesStart: Number(row.entries_start),
    checkpointSizeMax: Number(row.checkpoint_max),
    surplusTile: row.tile_index === null ? undefined : { level: row.level!, tileIndex: Number(row.tile_index) },
  };
}

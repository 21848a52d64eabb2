import { decodeEntry } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { CheckpointArchive } from '../checkpoint/archive.js';
import type { SegmentFault } from './segment.js';

/**
 * When the first bad entry was recorded: by the last entry before it, or, when there is none or it cannot be read, by
 * the first checkpoint that covered it. What happened from then on is in doubt.
 */
export async function firstBadTime(pool: pg.Pool, ledger: Ledger, fault: SegmentFault, archive: CheckpointArchive): Promise<string | undefined> {
  const { rows } = await pool.query<{ entry: Buffer }>(
    'SELECT entry FROM entries WHERE ledger_id = $1 AND leaf_index >= 0 AND leaf_index < $2 ORDER BY leaf_index DESC LIMIT 1',
    [ledger.ledgerId, fault.firstIndex],
  );
  try {
    if (rows[0] !== undefined) return decodeEntry(rows[0].entry).recordedAt;
  } catch {
    // The neighbour is damaged too; the archive is not.
  }
  return (await archive.history(ledger.tenant, fault.firstIndex))[0]?.signedAt;
}

import { ChainFault, parseVkey, verifyCheckpoint, type VerifiedCheckpoint } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import type { Ledger } from '../append/head.js';
import type { SignedHead } from '../checkpoint/archive.js';
import type { SegmentFault } from './verify-segment.js';

/** Checks every stored checkpoint of a size within (fromSize, toSize]: its signatures, and the archive's memory of it. */
export interface CheckpointsJob {
  readonly databaseUrl: string;
  readonly ledger: Ledger;
  readonly vkeys: readonly string[];
  readonly fromSize: number;
  readonly toSize: number;
  readonly signedHeads: readonly SignedHead[];
}

interface CheckpointRow {
  readonly tree_size: string;
  readonly root_hash: Buffer;
  readonly note: string;
  readonly signed_at: Date;
}

const PAGE_ROWS = 500;

export type CheckpointsResult = { readonly heads: readonly SignedHead[] } | { readonly fault: SegmentFault };

/**
 * Returns every head of the stretch that carries our signature, stored or archived: a signature cannot be made up, so
 * even rows of a database that is not trusted tell what the roots were. Rejects only when the database fails.
 */
export async function verifyCheckpoints(job: CheckpointsJob): Promise<CheckpointsResult> {
  try {
    return await withClient(job.databaseUrl, async (client) => {
      const heads: SignedHead[] = [];
      const expected = new Map(job.signedHeads.map((head) => [head.treeSize, head.root]));
      for (let after = job.fromSize; ; ) {
        const { rows } = await client.query<CheckpointRow>(
          'SELECT tree_size, root_hash, note, signed_at FROM checkpoints WHERE ledger_id = $1 AND tree_size > $2 AND tree_size <= $3 ORDER BY tree_size LIMIT $4',
          [job.ledger.ledgerId, after, job.toSize, PAGE_ROWS],
        );
        for (const row of rows) heads.push(verifyRow(row, job, expected));
        if (rows.length < PAGE_ROWS) break;
        after = Number(rows.at(-1)!.tree_size);
      }
      const [treeSize] = expected.keys();
      if (treeSize !== undefined) {
        throw new ChainFault('CHECKPOINT_MISSING', `the checkpoint of size ${treeSize} was signed and is not stored`, at(treeSize));
      }
      return { heads };
    });
  } catch (error) {
    if (!(error instanceof ChainFault)) throw error;
    const lastIndex = Math.max(0, (error.detail.treeSize ?? 1) - 1);
    return { fault: { code: error.code, message: error.message, firstIndex: lastIndex, lastIndex } };
  }
}

function verifyRow(row: CheckpointRow, job: CheckpointsJob, expected: Map<number, string>): SignedHead {
  const treeSize = Number(row.tree_size);
  const root = row.root_hash.toString('hex');
  const signed = expected.get(treeSize) ?? root;
  const verified = verifyNote(row.note, job, treeSize);
  if (verified.treeSize !== treeSize || verified.root.toString('hex') !== root || root !== signed) {
    throw new ChainFault('CHECKPOINT_ALTERED', `the stored checkpoint of size ${treeSize} is not the one that was signed`, at(treeSize));
  }
  expected.delete(treeSize);
  return { treeSize, root, signedAt: row.signed_at.toISOString() };
}

function verifyNote(note: string, job: CheckpointsJob, treeSize: number): VerifiedCheckpoint {
  try {
    return verifyCheckpoint(note, { origin: job.ledger.origin, vkeys: job.vkeys.map(parseVkey) });
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    throw new ChainFault(fault.code, `the stored checkpoint of size ${treeSize}: ${fault.message}`, at(treeSize));
  }
}

const at = (treeSize: number): { treeSize: number } => ({ treeSize });

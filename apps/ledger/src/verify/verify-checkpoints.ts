import { ChainFault, parseVkey, verifyCheckpoint, type VerifiedCheckpoint, type Vkey } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { SignedHead } from '../checkpoint/archive.js';
import { toSegmentFault, type SegmentFault } from './segment.js';

/** Checks every stored checkpoint of a size above fromSize: its signatures, and the archive's memory of it. */
export interface CheckpointsJob {
  readonly databaseUrl: string;
  readonly ledger: Ledger;
  readonly vkeys: readonly string[];
  readonly fromSize: number;
  /** Archived heads up to here have to be stored. */
  readonly toSize: number;
  readonly signedHeads: readonly SignedHead[];
}

export interface CheckpointsResult {
  /** Every head that carries our signature, whatever else is wrong: a signature cannot be made up. */
  readonly heads: readonly SignedHead[];
  /** The one of the smallest size. */
  readonly fault?: SegmentFault;
}

interface CheckpointRow {
  readonly tree_size: string;
  readonly root_hash: Buffer;
  readonly note: string;
  readonly signed_at: Date;
}

const PAGE_ROWS = 500;

/** Rejects only when the database fails. */
export async function verifyCheckpoints(job: CheckpointsJob): Promise<CheckpointsResult> {
  const vkeys = job.vkeys.map(parseVkey);
  const archived = new Map(job.signedHeads.map((head) => [head.treeSize, head.root]));
  const missing = new Set([...archived.keys()].filter((treeSize) => treeSize <= job.toSize));
  const heads: SignedHead[] = [];
  const faults: ChainFault[] = [];
  await withClient(job.databaseUrl, async (client) => {
    for await (const row of storedCheckpoints(client, job)) {
      const treeSize = Number(row.tree_size);
      missing.delete(treeSize);
      const signed = verifyNote(row, job.ledger, vkeys);
      if (signed instanceof ChainFault) {
        faults.push(signed);
        continue;
      }
      heads.push({ treeSize: signed.treeSize, root: signed.root.toString('hex'), signedAt: row.signed_at.toISOString() });
      if (!isAsSigned(row, signed, archived.get(treeSize))) {
        faults.push(fault('CHECKPOINT_ALTERED', `the stored checkpoint of size ${treeSize} is not the one that was signed`, treeSize));
      }
    }
  });
  for (const treeSize of missing) faults.push(fault('CHECKPOINT_MISSING', `the checkpoint of size ${treeSize} was signed and is not stored`, treeSize));
  faults.sort((a, b) => a.detail.leafIndex! - b.detail.leafIndex!);
  return faults[0] === undefined ? { heads } : { heads, fault: toSegmentFault(faults[0], 0) };
}

async function* storedCheckpoints(client: pg.Client, { ledger, fromSize }: CheckpointsJob): AsyncGenerator<CheckpointRow> {
  for (let after = fromSize; ; ) {
    const { rows } = await client.query<CheckpointRow>(
      'SELECT tree_size, root_hash, note, signed_at FROM checkpoints WHERE ledger_id = $1 AND tree_size > $2 ORDER BY tree_size LIMIT $3',
      [ledger.ledgerId, after, PAGE_ROWS],
    );
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    after = Number(rows.at(-1)!.tree_size);
  }
}

/** The columns beside the note are for queries: they must say what the note says. */
function isAsSigned(row: CheckpointRow, signed: VerifiedCheckpoint, archivedRoot: string | undefined): boolean {
  const { treeSize, root, timestampSeconds } = signed;
  const isTimeSigned = timestampSeconds === undefined || timestampSeconds === Math.floor(row.signed_at.getTime() / 1000);
  return treeSize === Number(row.tree_size) && root.equals(row.root_hash) && isTimeSigned && root.toString('hex') === (archivedRoot ?? root.toString('hex'));
}

function verifyNote(row: CheckpointRow, { origin }: Ledger, vkeys: readonly Vkey[]): VerifiedCheckpoint | ChainFault {
  try {
    return verifyCheckpoint(row.note, { origin, vkeys });
  } catch (error) {
    if (!(error instanceof ChainFault)) throw error;
    return fault(error.code, `the stored checkpoint of size ${row.tree_size}: ${error.message}`, Number(row.tree_size));
  }
}

/** A checkpoint is accused at the last entry that it covers. */
function fault(code: ChainFault['code'], message: string, treeSize: number): ChainFault {
  return new ChainFault(code, message, { leafIndex: Math.max(0, treeSize - 1) });
}

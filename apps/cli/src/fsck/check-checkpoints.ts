import { ChainFault, parseCheckpoint, verifyCheckpoint } from '@countersign/chain';
import type { SeenTree, TreeHead, Vkey } from '@countersign/chain';
import type { Findings } from './findings.js';

export interface CheckpointRow {
  readonly tree_size: string;
  readonly root_hash: Buffer;
  readonly note: string;
}

export interface CheckpointCheck {
  readonly origin: string;
  /** Empty: signatures are not checked. */
  readonly vkeys: readonly Vkey[];
}

/** Reads a stored checkpoint and says what does not hold of it; undefined when it cannot be used. */
export function readCheckpoint(row: CheckpointRow, { origin, vkeys }: CheckpointCheck, findings: Findings): SeenTree | undefined {
  const treeSize = Number(row.tree_size);
  const last = Math.max(0, treeSize - 1);
  try {
    const head: TreeHead = vkeys.length === 0 ? parseCheckpoint(row.note) : verifyCheckpoint(row.note, { origin, vkeys });
    if (head.origin !== origin) throw new ChainFault('CHECKPOINT_ORIGIN_MISMATCH', 'is another ledger’s');
    if (head.treeSize !== treeSize || !head.root.equals(row.root_hash)) throw new ChainFault('CHECKPOINT_ALTERED', 'its row is not what was signed');
    return { treeSize, root: head.root };
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    findings.add(fault.code, `checkpoint of size ${treeSize}: ${fault.message}`, last);
    return undefined;
  }
}

/** Holds a signed tree against the root derived from the entries at its size; `root` is undefined beyond the last entry. */
export function checkRoot(signed: SeenTree, root: Buffer | undefined, findings: Findings, what = 'checkpoint'): void {
  const last = Math.max(0, signed.treeSize - 1);
  if (root === undefined) findings.add('LEDGER_ROLLED_BACK', `the ${what} of size ${signed.treeSize} speaks of entries that are not there`, last);
  else if (!root.equals(signed.root)) findings.add(what === 'checkpoint' ? 'ROOT_MISMATCH' : 'HISTORY_REWRITTEN', `the entries make another tree than the ${what} of size ${signed.treeSize}`, last);
}

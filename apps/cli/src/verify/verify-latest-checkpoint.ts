import { ChainFault, verifyCheckpoint, verifyConsistency } from '@countersign/chain';
import type { SeenTree, VerifiedCheckpoint } from '@countersign/chain';
import { consistencySchema } from '@countersign/contracts';
import { originOf } from '../keys.js';
import { ledgerPath } from '../ledger-api.js';
import type { LiveLedger } from './live-ledger.js';

export interface CheckedCheckpoint extends VerifiedCheckpoint {
  readonly note: string;
  readonly consistentWith: number | undefined;
}

/**
 * Fetches the latest checkpoint and verifies signatures and, by a consistency proof, that it extends the last one that
 * this verifier saw; then remembers it. Throws CliError, ChainFault.
 */
export async function verifyLatestCheckpoint(live: LiveLedger): Promise<CheckedCheckpoint> {
  const { api, tenant, keys, memory } = live;
  const note = await api.text(ledgerPath(tenant, '/checkpoint'));
  const checkpoint = verifyCheckpoint(note, { origin: originOf(keys), vkeys: keys.map(({ vkey }) => vkey) });
  const { treeSize, root } = checkpoint;
  const seen = memory.lastSeen(keys);
  if (seen !== undefined) {
    if (treeSize < seen.treeSize) {
      throw new ChainFault('LEDGER_ROLLED_BACK', `the ledger had ${seen.treeSize} entries before and has ${treeSize} now`, { treeSize });
    }
    if (treeSize === seen.treeSize) extend({ oldSize: treeSize, oldRoot: seen.root, newSize: treeSize, newRoot: root, proof: [] });
    else await requireExtension(live, seen, checkpoint);
  }
  await memory.remember(keys, { treeSize, root, note });
  return { ...checkpoint, note, consistentWith: seen?.treeSize };
}

async function requireExtension({ api, tenant }: LiveLedger, seen: SeenTree, { treeSize, root }: VerifiedCheckpoint): Promise<void> {
  const query = `/consistency?from=${seen.treeSize}&to=${treeSize}`;
  const { proof } = await api.json(ledgerPath(tenant, query), consistencySchema);
  extend({ oldSize: seen.treeSize, oldRoot: seen.root, newSize: treeSize, newRoot: root, proof: proof.map((hash) => Buffer.from(hash, 'base64')) });
}

function extend(claim: Parameters<typeof verifyConsistency>[0]): void {
  try {
    verifyConsistency(claim);
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    throw new ChainFault('HISTORY_REWRITTEN', `the first ${claim.oldSize} entries are not shown to be those that were verified before: ${fault.message}`, { treeSize: claim.oldSize });
  }
}

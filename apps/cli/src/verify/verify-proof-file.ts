import { ChainFault, decodeEntry, parseTlogProof, verifyTlogProof } from '@countersign/chain';
import type { Entry, VerifiedTlogProof } from '@countersign/chain';
import { usageError } from '../exit-code.js';
import { originOf } from '../keys.js';
import type { NamedKey } from '../keys.js';
import type { VerifierMemory } from '../memory.js';

export interface CheckedProof extends VerifiedTlogProof {
  readonly entry: Entry;
}

/**
 * Verifies a proof file with nothing but keys: the entry in it leads to the root of a checkpoint that every key signed,
 * and is that leaf's. A checkpoint of the size that this verifier saw last must be the same. Throws ChainFault, CliError.
 */
export function verifyProofFile(text: string, keys: readonly NamedKey[], memory: VerifierMemory): CheckedProof {
  const { extra, leafIndex } = parseTlogProof(text);
  if (extra === undefined) throw usageError('the proof file does not hold its entry (no "extra" line)');
  const verified = verifyTlogProof(text, { entry: extra, origin: originOf(keys), vkeys: keys.map(({ vkey }) => vkey) });
  const entry = decodeEntry(extra);
  if (entry.index !== leafIndex) {
    throw new ChainFault('ENTRY_INDEX_MISMATCH', `the entry says that it is entry ${entry.index}`, { leafIndex });
  }
  const { checkpoint } = verified;
  const seen = memory.lastSeen(keys);
  if (seen?.treeSize === checkpoint.treeSize && !checkpoint.root.equals(seen.root)) {
    throw new ChainFault('HISTORY_REWRITTEN', 'another tree of this size was verified before', { treeSize: checkpoint.treeSize });
  }
  return { ...verified, entry };
}

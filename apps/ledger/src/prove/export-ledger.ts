import { ChainFault, Destructions, ExportEncoder } from '@countersign/chain';
import type { Ledger } from '../append/head.js';
import type { EntryRecord, PgReadStore } from '../store/pg-read-store.js';
import type { SignedHead } from './signed-head.js';

/** Entries read at a time: some hundred KiB as a rule, 128 KiB times this at the very worst. */
const BATCH_ENTRIES = 256;

/**
 * The export of a ledger up to a checkpoint, piece by piece, reading the next entries when they are asked for. Throws
 * ENTRY_MISSING, and PART_MISSING when parts were destroyed meanwhile by a statement behind the checkpoint: a file that ends early has no digest
 * line, and no verifier takes it for a whole one.
 */
export async function* exportLedger(store: Pick<PgReadStore, 'entries' | 'latestCheckpoint'>, ledger: Ledger, head: SignedHead): AsyncGenerator<string> {
  const { tenant, origin } = ledger;
  const encoder = new ExportEncoder({ tenant, origin, treeSize: head.treeSize });
  const destructions = new Destructions();
  yield encoder.start();
  for (let start = 0; start < head.treeSize; start += BATCH_ENTRIES) {
    const end = Math.min(start + BATCH_ENTRIES, head.treeSize);
    const entries = await store.entries(ledger, start, end);
    const gap = entries.findIndex(({ leafIndex }, i) => leafIndex !== start + i);
    const whole = gap < 0 ? entries : entries.slice(0, gap);
    for (const stored of whole) noteParts(destructions, stored);
    yield encoder.entries(whole);
    const missing = start + whole.length;
    if (missing < end) throw new ChainFault('ENTRY_MISSING', `entry ${missing} is not there`, { leafIndex: missing });
  }
  const leafIndex = destructions.firstUnlawful();
  // Where nothing was signed meanwhile the verifier of the file is to judge, not we.
  const isOvertaken = leafIndex !== undefined && ((await store.latestCheckpoint(ledger))?.treeSize ?? 0) > head.treeSize;
  if (isOvertaken) throw new ChainFault('PART_MISSING', 'parts were destroyed while the ledger was exported; export it again', { leafIndex });
  yield encoder.end(head.note);
}

function noteParts(destructions: Destructions, stored: EntryRecord): void {
  try {
    destructions.note(stored.leafIndex, stored);
  } catch (fault) {
    // What is wrong with an entry the verifier of the file finds, and names.
    if (!(fault instanceof ChainFault)) throw fault;
  }
}

import { ChainFault, decodeEntry, leafHash } from '@countersign/chain';
import type { RecordedEvent } from '@countersign/contracts';
import type { EntryRecord } from '../store/pg-read-store.js';
import { openParts } from './open-parts.js';

/** An entry as readers see it. One that was tampered with is shown as such: it must not hide the events around it. */
export function recordedEvent(record: EntryRecord): RecordedEvent {
  const index = record.leafIndex;
  const eventHash = leafHash(record.entry).toString('hex');
  try {
    const entry = decodeEntry(record.entry);
    return { index, eventHash, entry: { ...entry }, parts: openParts(entry, record) };
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return { index, eventHash, parts: [], fault: fault.code };
  }
}

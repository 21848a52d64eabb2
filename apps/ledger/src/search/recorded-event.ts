import { ChainFault, decodeEntry, leafHash } from '@countersign/chain';
import type { RecordedEvent } from '@countersign/contracts';
import type { Ledger } from '../append/head.js';
import type { EntryRecord } from '../store/pg-read-store.js';
import { showParts, type PartOpener, type ShownPart } from './open-parts.js';

/**
 * Entries as readers see them; keys of all their parts are asked for at once. One that was tampered with is shown as such:
 * it must not hide the events around it. Nor must a part that cannot be opened.
 */
export async function recordedEvents({ tenant }: Pick<Ledger, 'tenant'>, records: readonly EntryRecord[], opener: PartOpener): Promise<RecordedEvent[]> {
  const shown = records.map(showEntry);
  const sealed = shown.flatMap(({ parts }) => parts.flatMap((part) => ('sealed' in part ? [part.sealed] : [])));
  const opened = (sealed.length === 0 ? [] : await opener.open(tenant, sealed)).values();
  return shown.map(({ event, parts }) => ({
    ...event,
    parts: parts.map((part) => ('sealed' in part ? { ...part.view, ...opened.next().value! } : part.view)),
  }));
}

function showEntry(record: EntryRecord): { readonly event: Omit<RecordedEvent, 'parts'>; readonly parts: readonly ShownPart[] } {
  const index = record.leafIndex;
  const eventHash = leafHash(record.entry).toString('hex');
  try {
    const entry = decodeEntry(record.entry);
    return { event: { index, eventHash, entry: { ...entry } }, parts: showParts(entry, record) };
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    return { event: { index, eventHash, fault: fault.code }, parts: [] };
  }
}

import { openSaltedPart, sha256Hex, type Entry, type PartDescriptor } from '@countersign/chain';
import type { PartView } from '@countersign/contracts';
import type { EntryRecord } from '../store/pg-read-store.js';

/** The parts that an entry lists, each with what can be read of it today. Bytes that its digest does not name are not shown. */
export function openParts(entry: Entry, record: Pick<EntryRecord, 'data' | 'personal'>): PartView[] {
  let personal = 0;
  return entry.parts.map((part) => openPart(part, part.name === 'data' ? record.data : record.personal[personal++]));
}

function openPart(part: PartDescriptor, stored: Uint8Array | null | undefined): PartView {
  const view = part.subject === undefined ? { name: part.name } : { name: part.name, subject: part.subject };
  if (stored === null || stored === undefined) return { ...view, state: 'destroyed' };
  if (stored.length !== part.bytes || sha256Hex(stored) !== part.digest) return { ...view, state: 'altered' };
  if (part.enc !== 'salted') return { ...view, state: 'encrypted' };
  return { ...view, state: 'present', value: JSON.parse(openSaltedPart(stored)) as unknown };
}

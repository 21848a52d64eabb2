import { openSaltedPart, sha256Hex, type Entry, type PartDescriptor } from '@countersign/chain';
import type { PartView } from '@countersign/contracts';
import type { EntryRecord } from '../store/pg-read-store.js';

/** A `v2` part as it is stored, and the event that it belongs to. */
export interface SealedPart {
  readonly eventId: string;
  readonly text: string;
}

export type OpenedPart = Pick<PartView, 'value' | 'code'> & { readonly state: 'present' | 'erased' | 'unavailable' };

/** Opens parts that are encrypted under the keys of their subjects. */
export interface PartOpener {
  /** In the order of `parts`; one that cannot be opened says why. */
  open(tenant: string, parts: readonly SealedPart[]): Promise<readonly OpenedPart[]>;
}

/** For a ledger whose keys are its own: it has no subjects' keys. */
export const CLOSED: PartOpener = {
  open: async (_tenant, parts) => parts.map(() => ({ state: 'unavailable', code: 'KEY_UNKNOWN' })),
};

/** A part as it is shown, or what has to be opened first. */
export type ShownPart = { readonly view: PartView } | { readonly view: PartView; readonly sealed: SealedPart };

/** The parts that an entry lists, each with what can be read of it today. Bytes that its digest does not name are not shown. */
export function showParts(entry: Entry, record: Pick<EntryRecord, 'data' | 'personal'>): ShownPart[] {
  let personal = 0;
  return entry.parts.map((part) => showPart(entry.id, part, part.name === 'data' ? record.data : record.personal[personal++]));
}

function showPart(eventId: string, part: PartDescriptor, stored: Uint8Array | null | undefined): ShownPart {
  const view = part.subject === undefined ? { name: part.name } : { name: part.name, subject: part.subject };
  if (stored === null || stored === undefined) return { view: { ...view, state: 'destroyed' } };
  if (stored.length !== part.bytes || sha256Hex(stored) !== part.digest) return { view: { ...view, state: 'altered' } };
  if (part.enc === 'salted') return { view: { ...view, state: 'present', value: JSON.parse(openSaltedPart(stored)) as unknown } };
  const text = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('latin1');
  return { view: { ...view, state: 'unavailable' }, sealed: { eventId, text } };
}

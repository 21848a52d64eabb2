import { SOURCE_PATTERN, UUID_PATTERN, type ChainFault } from '@countersign/chain';
import type { QuarantineRow } from './append-store.js';

const UNKNOWN_FIELD = 'has a field that events do not have; its name is in the sealed body';
/** Which part of an event the unknown field is in, of the path that the rules give. */
const PLACE = /^(?:actor|resource|producer|personal\[\d{1,2}\])(?=\.)/;

/**
 * What of a refusal lies readable beside its sealed body. Its producer is told what it sent; what is stored holds nothing that a
 * sender could have chosen freely: an id that is none may be a mail address, the name of a field a person's.
 */
export function storedRefusal(subject: string, eventId: string | undefined, fault: ChainFault): Omit<QuarantineRow, 'body' | 'identity'> {
  const { code, message, detail } = fault;
  const known = { subject, eventId: eventId !== undefined && UUID_PATTERN.test(eventId) ? eventId : undefined, code };
  const field = storedField(code, detail.field);
  if (code !== 'EVENT_FIELD_UNKNOWN') return { ...known, field, message };
  return { ...known, field, message: `${field?.replace(/\.?\*$/, '') || 'the event'} ${UNKNOWN_FIELD}` };
}

/** The field of a refusal as it is stored and logged: of one that is unknown only where it is. */
export function storedField(code: string, field: string | undefined): string | undefined {
  if (code !== 'EVENT_FIELD_UNKNOWN') return field;
  const place = PLACE.exec(field ?? '')?.[0];
  return place === undefined ? '*' : `${place}.*`;
}

/** A subject that names no ledger: as far as it names a source, which narrows down who publishes there. */
export function storedSubject(subject: string): string {
  const [, source = '', ...rest] = subject.split('.');
  const named = SOURCE_PATTERN.test(source) ? source : '*';
  return rest.length === 0 ? `intake.${named}` : `intake.${named}.*`;
}

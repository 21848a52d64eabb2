import type { Event } from '@countersign/chain';
import { z } from 'zod';
import type { Admission } from './intake-message.js';
import type { MessageParts } from './sealed-parts.js';
import type { StoredPart } from './stored-part.js';

/**
 * Events that are kept beside the chain, with each personal part as it would be stored in it, under its subject's key: an
 * erasure reaches them too, wherever they were copied.
 */
export interface MaskedEvents {
  /** JSON list of events, their parts sealed. */
  readonly body: Buffer;
  /** The same for the same events, though parts are sealed anew each time. */
  readonly identity: Buffer;
}

/** What stands in the place of a personal part's `data`. */
const maskSchema = z.strictObject({ sealed: z.string(), digest: z.string(), isErased: z.boolean() });
const maskedSchema = z.array(z.looseObject({ personal: z.array(z.strictObject({ subject: z.string(), data: maskSchema })).optional() }));

/** One event, its parts masked. */
export function maskEvent(event: Event, parts: readonly StoredPart[]): MaskedEvents {
  return { body: jsonOf(event, parts, maskOf), identity: jsonOf(event, parts, identityOf) };
}

/** All events of a message; undefined when none of them has encrypted parts, or one of them cannot be read and hence not masked. Throws as {@link MessageParts.ofEvent}. */
export function maskMessage(admissions: Iterable<Admission>, sealed: MessageParts | undefined): MaskedEvents | undefined {
  if (sealed === undefined || sealed.isEmpty) return undefined;
  const bodies: Buffer[] = [];
  const identities: Buffer[] = [];
  let place = 0;
  for (const admission of admissions) {
    if ('refused' in admission) return undefined;
    const { body, identity } = maskEvent(admission.admitted.event, sealed.ofEvent(place++, admission.admitted));
    bodies.push(body);
    identities.push(identity);
  }
  return { body: listOf(bodies), identity: listOf(identities) };
}

/** A masked message for another admission: its events, each with a stand-in for its parts, and the parts in the order of the events. */
export function unmaskMessage(body: Buffer): { readonly body: Buffer; readonly parts: readonly (readonly StoredPart[])[] } {
  const events = maskedSchema.parse(JSON.parse(body.toString('utf8')));
  const parts = events.map(({ personal = [] }) => personal.map(({ data: { sealed, digest, isErased } }) => ({ bytes: Buffer.from(sealed, 'latin1'), digest, isErased })));
  const standIns = events.map(({ personal, ...event }) => (personal === undefined ? event : { ...event, personal: personal.map(({ subject }) => ({ subject, data: {} })) }));
  return { body: Buffer.from(JSON.stringify(standIns)), parts };
}

const maskOf = ({ bytes, digest, isErased }: StoredPart): z.infer<typeof maskSchema> => ({ sealed: bytes.toString('latin1'), digest, isErased });
// Under a key that was thrown away each digest is another one.
const identityOf = ({ digest, isErased }: StoredPart): string => (isErased ? 'erased' : digest);

function jsonOf(event: Event, parts: readonly StoredPart[], show: (part: StoredPart) => unknown): Buffer {
  if (parts.length === 0) return Buffer.from(JSON.stringify(event));
  return Buffer.from(JSON.stringify({ ...event, personal: event.personal?.map(({ subject }, i) => ({ subject, data: show(parts[i]!) })) }));
}

const listOf = (items: readonly Buffer[]): Buffer => Buffer.from(`[${items.map((item) => item.toString('utf8')).join(',')}]`);

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Admission } from './intake-message.js';

/** Stored bytes of the personal parts of a message's events, in order, by the content digest of the event. */
export type SealedParts = ReadonlyMap<string, readonly Buffer[]>;

/** A personal part in the clear, and where it is going to lie. */
export interface ClearPart {
  readonly subject: string;
  readonly eventId: string;
  /** Canonical JSON. */
  readonly json: string;
}

export interface PersonalSealer {
  /** UTF-8 of `v2:…` for each part. Rejects when a key cannot be had; nothing is ever returned in the clear. */
  seal(tenant: string, parts: readonly ClearPart[]): Promise<readonly Buffer[]>;
}

const NONE: SealedParts = new Map<string, readonly Buffer[]>();
const EVENTS_A_TURN = 100;
const FIELD_NAME = '"personal"';
/** How JSON may spell a letter of the name otherwise: each is ASCII, and an escape of ASCII begins so. */
const ESCAPED_LETTER = String.raw`\u00`;

/** Whether an event of the message may have personal parts; only then is it read before its turn. */
export function mayHoldPersonal(body: Uint8Array): boolean {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return bytes.includes(FIELD_NAME) || bytes.includes(ESCAPED_LETTER);
}

/** Seals every personal part of a message. Done before it is queued, so that an append never waits for a key. Rejects as the sealer does. */
export async function sealMessage(tenant: string, body: Uint8Array, admit: () => Iterable<Admission>, sealer: PersonalSealer): Promise<SealedParts> {
  if (!mayHoldPersonal(body)) return NONE;
  const counts = new Map<string, number>();
  const parts: ClearPart[] = [];
  let events = 0;
  for (const admission of admit()) {
    if (++events % EVENTS_A_TURN === 0) await nextTurn();
    if ('refused' in admission || counts.has(admission.digest)) continue;
    const { event, personal } = admission.admitted;
    if (personal.length === 0) continue;
    counts.set(admission.digest, personal.length);
    personal.forEach((json, i) => parts.push({ subject: event.personal![i]!.subject, eventId: event.id, json }));
  }
  if (parts.length === 0) return NONE;
  const stored = await sealer.seal(tenant, parts);
  const sealed = new Map<string, readonly Buffer[]>();
  let at = 0;
  for (const [digest, count] of counts) sealed.set(digest, stored.slice(at, (at += count)));
  return sealed;
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClearParts } from '@countersign/chain';
import type { SealedPersonal, StoredPart } from './stored-part.js';

/** A personal part in the clear, and where it is going to lie. */
export interface ClearPart {
  readonly subject: string;
  readonly eventId: string;
  /** Canonical JSON. */
  readonly json: string;
}

export interface PersonalSealer {
  /** In the order of `parts`. Rejects when a key cannot be had; nothing is ever returned in the clear. */
  seal(tenant: string, parts: readonly ClearPart[]): Promise<readonly SealedPersonal[]>;
}

const EVENTS_A_TURN = 100;
const FIELD_NAME = '"personal"';
/** How JSON may spell a letter of the name otherwise: each is ASCII, and an escape of ASCII begins so. */
const ESCAPED_LETTER = String.raw`\u00`;
const NO_PARTS: readonly StoredPart[] = [];

/**
 * Stored bytes of the personal parts of one message, by the place of their event in it. In one buffer: thousands of
 * messages wait for their turn, and what they are made of is what the garbage collector goes through.
 */
export class SealedParts {
  /**
   * @param bytes all parts, one behind the other
   * @param ends where each part ends
   * @param parts what is told of each besides
   * @param partsBefore how many parts precede those of each event; one element more than there are events
   */
  private constructor(
    private readonly bytes: Buffer,
    private readonly ends: Uint32Array,
    private readonly parts: readonly Pick<SealedPersonal, 'digest' | 'isErased'>[],
    private readonly partsBefore: Uint32Array,
  ) {}

  static readonly none = new SealedParts(Buffer.alloc(0), new Uint32Array(0), [], new Uint32Array(0));

  static of(sealed: readonly SealedPersonal[], partsBefore: readonly number[]): SealedParts {
    const bytes = Buffer.allocUnsafeSlow(sealed.reduce((sum, { text }) => sum + text.length, 0));
    const ends = new Uint32Array(sealed.length);
    let end = 0;
    for (const [at, { text }] of sealed.entries()) ends[at] = end += bytes.write(text, end, 'latin1');
    const parts = sealed.map(({ digest, isErased }) => ({ digest, isErased }));
    return new SealedParts(bytes, ends, parts, Uint32Array.from(partsBefore));
  }

  /** Of parts by their events, in order. */
  static ofEvents(events: readonly (readonly SealedPersonal[])[]): SealedParts {
    const partsBefore = [0];
    for (const parts of events) partsBefore.push(partsBefore.at(-1)! + parts.length);
    return SealedParts.of(events.flat(), partsBefore);
  }

  /** Whether no event of the message has any. */
  get isEmpty(): boolean {
    return this.parts.length === 0;
  }

  /** Those of the message's event at `place`, in order. */
  ofEvent(place: number): readonly StoredPart[] {
    const first = this.partsBefore[place] ?? 0;
    const last = this.partsBefore[place + 1] ?? 0;
    if (last <= first) return NO_PARTS;
    return this.parts.slice(first, last).map((part, k) => ({ ...part, bytes: this.bytes.subarray(this.ends[first + k - 1] ?? 0, this.ends[first + k]) }));
  }
}

/** Whether an event of the message may have personal parts; only then is it read before its turn. */
export function mayHoldPersonal(body: Uint8Array): boolean {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return bytes.includes(FIELD_NAME) || bytes.includes(ESCAPED_LETTER);
}

/**
 * Seals every personal part of a message. Done before it is queued, so that an append never waits for a key. Rejects as
 * the sealer does.
 * @param read the message's events, in their order; asked for only where one may have personal parts
 */
export async function sealMessage(tenant: string, body: Uint8Array, read: () => Iterable<ClearParts | undefined>, sealer: PersonalSealer): Promise<SealedParts> {
  if (!mayHoldPersonal(body)) return SealedParts.none;
  const parts: ClearPart[] = [];
  const partsBefore = [0];
  for (const clear of read()) {
    if (clear !== undefined) for (const { subject, json } of clear.parts) parts.push({ subject, eventId: clear.eventId, json });
    if (partsBefore.push(parts.length) % EVENTS_A_TURN === 0) await nextTurn();
  }
  return parts.length === 0 ? SealedParts.none : SealedParts.of(await sealer.seal(tenant, parts), partsBefore);
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AdmittedEvent, ClearParts } from '@countersign/chain';
import type { StoredPart } from './stored-part.js';

/** A personal part in the clear, and where it is going to lie. */
export interface ClearPart {
  readonly subject: string;
  readonly eventId: string;
  /** Canonical JSON. */
  readonly json: string;
}

export interface PersonalSealer {
  /** In the order of `parts`. Rejects when a key cannot be had; nothing is ever returned in the clear. */
  seal(tenant: string, parts: readonly ClearPart[]): Promise<readonly StoredPart[]>;
  /** Absent where every key has to be asked for. */
  readonly atOnce?: AtOnceSealer;
}

/** Seals under keys that are at hand. */
export interface AtOnceSealer {
  /** For parts of these subjects; undefined when one of their keys is not at hand, or will not be for long. */
  forSubjects(tenant: string, subjects: Iterable<string>): SealAtOnce | undefined;
}

/** Throws KeyClientError LEASE_SPENT when the key is not at hand any more. */
export type SealAtOnce = (part: ClearPart) => StoredPart;

/** The personal parts of one message as they are stored. */
export interface MessageParts {
  /** Whether no event of the message has any. */
  readonly isEmpty: boolean;
  /** Those of the message's event at `place`, in order. Throws KeyClientError LEASE_SPENT when one cannot be sealed now. */
  ofEvent(place: number, admitted: AdmittedEvent): readonly StoredPart[];
}

const EVENTS_A_TURN = 100;
const FIELD_NAME = '"personal"';
/** How JSON may spell a letter of the name otherwise: each is ASCII, and an escape of ASCII begins so. */
const ESCAPED_LETTER = String.raw`\u00`;
const NO_PARTS: readonly StoredPart[] = [];
/** How a message names a subject. What else is called so is asked for in vain, and the message takes the slower way. */
const SUBJECT = '"subject"';
const [COLON, SPACE] = [0x3a, 0x20];

/**
 * Stored bytes of the personal parts of one message, by the place of their event in it. In one buffer: thousands of
 * messages wait for their turn, and what they are made of is what the garbage collector goes through.
 */
export class SealedParts implements MessageParts {
  /**
   * @param bytes all parts, one behind the other
   * @param ends where each part ends
   * @param parts what is told of each besides
   * @param partsBefore how many parts precede those of each event; one element more than there are events
   */
  private constructor(
    private readonly bytes: Buffer,
    private readonly ends: Uint32Array,
    private readonly parts: readonly Pick<StoredPart, 'digest' | 'isErased'>[],
    private readonly partsBefore: Uint32Array,
  ) {}

  static readonly none = new SealedParts(Buffer.alloc(0), new Uint32Array(0), [], new Uint32Array(0));

  static of(sealed: readonly StoredPart[], partsBefore: readonly number[]): SealedParts {
    const all = Buffer.allocUnsafeSlow(sealed.reduce((sum, { bytes }) => sum + bytes.length, 0));
    const ends = new Uint32Array(sealed.length);
    let end = 0;
    for (const [at, { bytes }] of sealed.entries()) ends[at] = end += bytes.copy(all, end);
    const parts = sealed.map(({ digest, isErased }) => ({ digest, isErased }));
    return new SealedParts(all, ends, parts, Uint32Array.from(partsBefore));
  }

  /** Of parts by their events, in order. */
  static ofEvents(events: readonly (readonly StoredPart[])[]): SealedParts {
    const partsBefore = [0];
    for (const parts of events) partsBefore.push(partsBefore.at(-1)! + parts.length);
    return SealedParts.of(events.flat(), partsBefore);
  }

  get isEmpty(): boolean {
    return this.parts.length === 0;
  }

  ofEvent(place: number): readonly StoredPart[] {
    const first = this.partsBefore[place] ?? 0;
    const last = this.partsBefore[place + 1] ?? 0;
    if (last <= first) return NO_PARTS;
    return this.parts.slice(first, last).map((part, k) => ({ ...part, bytes: this.bytes.subarray(this.ends[first + k - 1] ?? 0, this.ends[first + k]) }));
  }
}

/** Personal parts that are sealed when their event's turn comes: it is read then anyway, and once is half the work. */
class PartsSealedInTurn implements MessageParts {
  readonly isEmpty = false;

  constructor(private readonly seal: SealAtOnce) {}

  ofEvent(_place: number, { event, personal }: AdmittedEvent): readonly StoredPart[] {
    if (personal.length === 0) return NO_PARTS;
    return personal.map((json, i) => this.seal({ subject: event.personal![i]!.subject, eventId: event.id, json }));
  }
}

/** Whether an event of the message may have personal parts; only then is it read before its turn. */
export function mayHoldPersonal(body: Uint8Array): boolean {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return bytes.includes(FIELD_NAME) || bytes.includes(ESCAPED_LETTER);
}

/** The subjects that a message names, each as often as it does, as far as its letters tell; undefined when they may be spelled in another way. */
function subjectsNamedIn(body: Uint8Array): readonly string[] | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (bytes.includes(ESCAPED_LETTER)) return undefined;
  const text = bytes.toString('latin1');
  const subjects: string[] = [];
  for (let at = text.indexOf(SUBJECT); at >= 0; at = text.indexOf(SUBJECT, at)) {
    at = afterSpaces(text, at + SUBJECT.length);
    if (text.charCodeAt(at) !== COLON) continue;
    at = afterSpaces(text, at + 1);
    const end = text.indexOf('"', at + 1);
    if (end < 0) break;
    subjects.push(text.slice(at + 1, end));
  }
  return subjects;
}

function afterSpaces(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === SPACE) at += 1;
  return at;
}

/**
 * Has every personal part of a message sealed before it is queued, so that an append never waits for a key; where all keys
 * are at hand anyway, they are sealed in their turn. Rejects as the sealer does.
 * @param read the message's events, in their order; asked for only where one may have personal parts
 * @param isFirstTime a message that comes again is sealed now: its keys may have been gone when its turn had come
 */
export async function sealMessage(tenant: string, body: Uint8Array, read: () => Iterable<ClearParts | undefined>, sealer: PersonalSealer, isFirstTime: boolean): Promise<MessageParts> {
  if (!mayHoldPersonal(body)) return SealedParts.none;
  const subjects = isFirstTime && sealer.atOnce !== undefined ? subjectsNamedIn(body) : undefined;
  const seal = subjects === undefined || subjects.length === 0 ? undefined : sealer.atOnce?.forSubjects(tenant, subjects);
  if (seal !== undefined) return new PartsSealedInTurn(seal);
  const parts: ClearPart[] = [];
  const partsBefore = [0];
  for (const clear of read()) {
    if (clear !== undefined) for (const { subject, json } of clear.parts) parts.push({ subject, eventId: clear.eventId, json });
    if (partsBefore.push(parts.length) % EVENTS_A_TURN === 0) await nextTurn();
  }
  return parts.length === 0 ? SealedParts.none : SealedParts.of(await sealer.seal(tenant, parts), partsBefore);
}

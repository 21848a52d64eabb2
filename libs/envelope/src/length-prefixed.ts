import { EnvelopeFault } from './fault.js';

/** One name of a context: what it is called in messages, its value, and its limit in UTF-8 bytes. */
export type NamedPart = readonly [name: string, value: string, bytesMax: number];

/** Holds any context of this library: at most 6 parts, none over 1,024 bytes. What is longer is cut here and then over its limit all the same. */
const SCRATCH_BYTES = 8192;
// Reused, as nothing waits.
const scratch = Buffer.alloc(SCRATCH_BYTES);

/**
 * The label and each part as a 2-byte big-endian length and its UTF-8 bytes, so that ("a", "bc") and ("ab", "c") differ
 * and no label is another's beginning. The bytes are a view that the next call overwrites.
 * Throws CONTEXT_MALFORMED for a part that is no string, empty, over its limit or not well formed.
 */
export function lengthPrefixed(label: string, parts: readonly NamedPart[]): Uint8Array {
  let end = append(scratch, label, 0);
  for (const part of parts) end = appendPart(scratch, part, end);
  return scratch.subarray(0, end);
}

/**
 * Encodes as {@link lengthPrefixed} does. Of calls in a row that differ in their last part only, as those for the rows of
 * one column do, all that precedes it is encoded once.
 */
export class LengthPrefixedRun {
  readonly #bytes = Buffer.alloc(SCRATCH_BYTES);
  #head: readonly NamedPart[] | undefined;
  #headEnd = 0;

  constructor(private readonly label: string) {}

  /** The bytes are a view that the next call overwrites. Throws CONTEXT_MALFORMED. */
  encode(head: readonly NamedPart[], last: NamedPart): Uint8Array {
    if (this.#head === undefined || !isSame(this.#head, head)) {
      // Forgotten first: a part that is refused leaves half an encoding behind.
      this.#head = undefined;
      let end = append(this.#bytes, this.label, 0);
      for (const part of head) end = appendPart(this.#bytes, part, end);
      this.#headEnd = end;
      this.#head = head;
    }
    return this.#bytes.subarray(0, appendPart(this.#bytes, last, this.#headEnd));
  }
}

function isSame(one: readonly NamedPart[], other: readonly NamedPart[]): boolean {
  return one.length === other.length && one.every(([, value], k) => value === other[k]![1]);
}

function appendPart(into: Buffer, [name, value, bytesMax]: NamedPart, at: number): number {
  if (typeof value !== 'string' || value === '') throw malformed(name, 'is empty or no string');
  // In UTF-8 every lone surrogate becomes U+FFFD: two different rows would share one encoding.
  if (!value.isWellFormed()) throw malformed(name, 'holds half a surrogate pair');
  const end = append(into, value, at);
  if (end - at - 2 > bytesMax) throw malformed(name, `is over ${bytesMax} bytes`);
  return end;
}

function append(into: Buffer, text: string, at: number): number {
  const bytes = into.write(text, at + 2, 'utf8');
  into.writeUInt16BE(bytes, at);
  return at + 2 + bytes;
}

function malformed(name: string, rule: string): EnvelopeFault {
  return new EnvelopeFault('CONTEXT_MALFORMED', `the context's ${name} ${rule}`);
}

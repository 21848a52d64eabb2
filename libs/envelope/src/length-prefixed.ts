import { EnvelopeFault } from './fault.js';

/** One name of a context: what it is called in messages, its value, and its limit in UTF-8 bytes. */
export type NamedPart = readonly [name: string, value: string, bytesMax: number];

/** Holds any context of this library: at most 6 parts, none over 1,024 bytes. What is longer is cut here and then over its limit all the same. */
const SCRATCH_BYTES = 8192;
/** Texts up to here are copied letter by letter while they are ASCII: a call of the runtime's encoder costs more. */
const COPIED_CHARACTERS_MAX = 64;
const ASCII_MAX = 0x7f;
const NO_ASCII = -1;
// Reused, as nothing waits.
const scratch = Buffer.alloc(SCRATCH_BYTES);

/**
 * The label and each part as a 2-byte big-endian length and its UTF-8 bytes, so that ("a", "bc") and ("ab", "c") differ
 * and no label is another's beginning. The bytes are a view that the next call overwrites.
 * Throws CONTEXT_MALFORMED for a part that is no string, empty, over its limit or not well formed.
 */
export function lengthPrefixed(label: string, parts: readonly NamedPart[]): Uint8Array {
  let end = append(scratch, label, 0);
  for (const [name, value, bytesMax] of parts) end = appendPart(scratch, name, value, bytesMax, end);
  return scratch.subarray(0, end);
}

function appendPart(into: Buffer, name: string, value: string, bytesMax: number, at: number): number {
  if (typeof value !== 'string' || value === '') throw malformed(name, 'is empty or no string');
  const end = append(into, value, at);
  // In UTF-8 every lone surrogate becomes U+FFFD: two different rows would share one encoding.
  if (end - at - 2 !== value.length && !value.isWellFormed()) throw malformed(name, 'holds half a surrogate pair');
  if (end - at - 2 > bytesMax) throw malformed(name, `is over ${bytesMax} bytes`);
  return end;
}

function append(into: Buffer, text: string, at: number): number {
  const copied = text.length > COPIED_CHARACTERS_MAX ? NO_ASCII : copyAscii(into, text, at + 2);
  const bytes = copied === NO_ASCII ? into.write(text, at + 2, 'utf8') : copied;
  into[at] = bytes >>> 8;
  into[at + 1] = bytes & 0xff;
  return at + 2 + bytes;
}

/** How many bytes it wrote, or {@link NO_ASCII}. */
function copyAscii(into: Buffer, text: string, at: number): number {
  for (let k = 0; k < text.length; k++) {
    const code = text.charCodeAt(k);
    if (code > ASCII_MAX) return NO_ASCII;
    into[at + k] = code;
  }
  return text.length;
}

function malformed(name: string, rule: string): EnvelopeFault {
  return new EnvelopeFault('CONTEXT_MALFORMED', `the context's ${name} ${rule}`);
}

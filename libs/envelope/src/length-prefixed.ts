import { EnvelopeFault } from './fault.js';

/** One name of a context: what it is called in messages, its value, and its limit in UTF-8 bytes. */
export type NamedPart = readonly [name: string, value: string, bytesMax: number];

// Holds any context of this library: at most 6 parts, none over 1,024 bytes. What is longer is cut here and then over
// its limit all the same. Reused, as nothing waits.
const scratch = Buffer.alloc(8192);

/**
 * The label and each part as a 2-byte big-endian length and its UTF-8 bytes, so that ("a", "bc") and ("ab", "c") differ
 * and no label is another's beginning. The bytes are a view that the next call overwrites.
 * Throws CONTEXT_MALFORMED for a part that is no string, empty, over its limit or not well formed.
 */
export function lengthPrefixed(label: string, parts: readonly NamedPart[]): Uint8Array {
  let end = append(label, 0);
  for (const [name, value, bytesMax] of parts) {
    if (typeof value !== 'string' || value === '') throw malformed(name, 'is empty or no string');
    // In UTF-8 every lone surrogate becomes U+FFFD: two different rows would share one encoding.
    if (!value.isWellFormed()) throw malformed(name, 'holds half a surrogate pair');
    const next = append(value, end);
    if (next - end - 2 > bytesMax) throw malformed(name, `is over ${bytesMax} bytes`);
    end = next;
  }
  return scratch.subarray(0, end);
}

function append(text: string, at: number): number {
  const bytes = scratch.write(text, at + 2, 'utf8');
  scratch.writeUInt16BE(bytes, at);
  return at + 2 + bytes;
}

function malformed(name: string, rule: string): EnvelopeFault {
  return new EnvelopeFault('CONTEXT_MALFORMED', `the context's ${name} ${rule}`);
}

/**
 * Bytes of base64url without padding (RFC 4648 §5), or undefined unless `text` is exactly what an encoder writes. Node's
 * decoder takes both alphabets, padding, white space and stray bits in the last character: with it, several texts would
 * open to one value, and a changed column would pass unseen.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** base64url without padding (RFC 4648 §5). */
export function encodeBase64url(bytes: Uint8Array): string {
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString('base64url');
}

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', 'latin1');
/** From here on the runtime's encoder is faster, although it makes a string first. */
const SHORT_BYTES_MAX = 512;

/** Characters of `bytes` in base64url without padding. */
export const base64urlLength = (bytes: number): number => Math.ceil((bytes * 4) / 3);

/** Writes what {@link encodeBase64url} yields as ASCII, and returns where it ends. There must be room for it. */
export function writeBase64url(bytes: Uint8Array, into: Buffer, start: number): number {
  if (bytes.length > SHORT_BYTES_MAX) return start + into.write(encodeBase64url(bytes), start, 'latin1');
  let at = start;
  let k = 0;
  for (; k + 2 < bytes.length; k += 3) {
    const three = (bytes[k]! << 16) | (bytes[k + 1]! << 8) | bytes[k + 2]!;
    into[at++] = ALPHABET[three >>> 18]!;
    into[at++] = ALPHABET[(three >>> 12) & 63]!;
    into[at++] = ALPHABET[(three >>> 6) & 63]!;
    into[at++] = ALPHABET[three & 63]!;
  }
  if (k === bytes.length) return at;
  const rest = (bytes[k]! << 16) | ((bytes[k + 1] ?? 0) << 8);
  into[at++] = ALPHABET[rest >>> 18]!;
  into[at++] = ALPHABET[(rest >>> 12) & 63]!;
  if (k + 1 < bytes.length) into[at++] = ALPHABET[(rest >>> 6) & 63]!;
  return at;
}

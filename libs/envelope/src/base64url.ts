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

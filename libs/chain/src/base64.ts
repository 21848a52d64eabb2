/**
 * Bytes of standard base64 (RFC 4648 §4), or undefined unless `text` is exactly what an encoder writes. Loose decoders
 * let several texts stand for one value, so that a signed file could change unseen.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return text.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}

/** Standard base64 with padding (RFC 4648 §4). */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * Bytes of text in base64 or base64url without padding, or undefined when this is not how they would be written: Node reads past what does
 * not belong there, and two texts for one secret are one too many.
 */
export function decodeStrictly(text: string, alphabet: 'base64' | 'base64url'): Buffer | undefined {
  const bytes = Buffer.from(text, alphabet);
  return encodeUnpadded(bytes, alphabet) === text ? bytes : undefined;
}

export function encodeUnpadded(bytes: Buffer, alphabet: 'base64' | 'base64url'): string {
  return bytes.toString(alphabet).replace(/=+$/, '');
}

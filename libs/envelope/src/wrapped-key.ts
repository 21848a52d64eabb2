import { wrapAad, type WrapContext } from './context.js';
import { EnvelopeFault } from './fault.js';
import type { FieldKey } from './field-key.js';
import { randomIv } from './iv.js';
import { type KeyOrResolver, openText, sealText } from './sealed-text.js';

/** Shorter is no key for anything here, but one that was cut. */
export const WRAPPED_KEY_BYTES_MIN = 16;
/** Room for private keys in PKCS #8, and for a wrapped key that is wrapped again. */
export const WRAPPED_KEY_BYTES_MAX = 8192;

/**
 * Encrypts key material of 16 to 8,192 bytes under `kek`, in the format of a field; its additional data has another label, so a
 * field never passes for a key, nor a key for a field. Throws CONTEXT_MALFORMED, KEY_MALFORMED, KEY_EXHAUSTED.
 */
export function wrapKey(kek: FieldKey, context: WrapContext, keyBytes: Uint8Array): string {
  if (keyBytes.length < WRAPPED_KEY_BYTES_MIN || keyBytes.length > WRAPPED_KEY_BYTES_MAX) {
    throw new EnvelopeFault('KEY_MALFORMED', `a key to wrap has ${WRAPPED_KEY_BYTES_MIN} to ${WRAPPED_KEY_BYTES_MAX} bytes`);
  }
  return sealText(kek, randomIv(), wrapAad(kek.keyId, context), keyBytes);
}

/** The key material inside, in a buffer that the caller zeroes. Throws as `openField` does. */
export function unwrapKey(kek: KeyOrResolver, context: WrapContext, text: string): Buffer {
  return openText(kek, (kekId) => wrapAad(kekId, context), text);
}

import { EnvelopeFault } from './fault.js';
import { type FieldKey, secretToOpen, secretToSeal } from './field-key.js';
import { FIELD_BYTES_MAX, formatField, formatFieldBytes, type ParsedField, parsedField } from './field-text.js';
import { gcmDecrypt, gcmEncrypt, type GcmResult } from './gcm.js';

/** What fields and wrapped keys share: one text format, whose additional data tells them apart. Not exported. */

/** A key, or how to find the one that a text names; undefined when there is none. */
export type KeyOrResolver = FieldKey | ((keyId: string) => FieldKey | undefined);

/** Encrypts under an IV that was never used with this key. Throws FIELD_TOO_LARGE, KEY_EXHAUSTED. */
export function sealText(key: FieldKey, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): string {
  return formatField(key.keyId, iv, seal(key, iv, aad, plaintext));
}

/** The same, as the text's ASCII. */
export function sealTextBytes(key: FieldKey, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  return formatFieldBytes(key.keyId, iv, seal(key, iv, aad, plaintext));
}

function seal(key: FieldKey, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): GcmResult {
  if (plaintext.length > FIELD_BYTES_MAX) throw new EnvelopeFault('FIELD_TOO_LARGE', `the value is over ${FIELD_BYTES_MAX} bytes`);
  return gcmEncrypt(secretToSeal(key), iv, aad, plaintext);
}

/** Opens a text; `aadOf` is asked for the additional data under the text's key id. Throws as `parseField` and FIELD_KEY_MISMATCH, FIELD_NOT_AUTHENTIC. */
export function openText(keyOrResolver: KeyOrResolver, aadOf: (keyId: string) => Uint8Array, field: string | ParsedField): Buffer {
  const { keyId, iv, tag, ciphertext } = parsedField(field);
  const key = typeof keyOrResolver === 'function' ? keyOrResolver(keyId) : keyOrResolver;
  if (key?.keyId !== keyId) {
    throw new EnvelopeFault('FIELD_KEY_MISMATCH', `the field names key ${keyId}, which is not the one given`);
  }
  const plaintext = gcmDecrypt(secretToOpen(key), iv, aadOf(keyId), ciphertext, tag);
  if (plaintext === undefined) {
    throw new EnvelopeFault('FIELD_NOT_AUTHENTIC', `the field under key ${keyId} was changed, or belongs elsewhere`);
  }
  return plaintext;
}

import { fieldAad, type FieldContext } from './context.js';
import type { FieldKey } from './field-key.js';
import type { ParsedField } from './field-text.js';
import { randomIv } from './iv.js';
import { type KeyOrResolver, openText, sealText, sealTextBytes } from './sealed-text.js';

/**
 * Encrypts one value of one row into `v2:keyId:iv:tag:ct`, under a random IV. The text is as long as the value tells:
 * lengths are not hidden. Throws CONTEXT_MALFORMED, FIELD_TOO_LARGE (over 65,536 bytes), KEY_EXHAUSTED.
 */
export function sealField(key: FieldKey, context: FieldContext, plaintext: Uint8Array): string {
  return sealText(key, randomIv(), fieldAad(key.keyId, context), plaintext);
}

/** The same, as the text's ASCII in a buffer of the caller's own: for who stores or hashes it, a string would be a detour. Throws as {@link sealField}. */
export function sealFieldBytes(key: FieldKey, context: FieldContext, plaintext: Uint8Array): Buffer {
  return sealTextBytes(key, randomIv(), fieldAad(key.keyId, context), plaintext);
}

/**
 * The value of a field, in a buffer of the caller's own. `key` may be a function that finds the key by its id, `field` what
 * `parseField` has made of the text. Throws
 * FIELD_TOO_LARGE, FIELD_VERSION_RESERVED, FIELD_VERSION_UNKNOWN, FIELD_MALFORMED, FIELD_KEY_MISMATCH (the text names
 * another key, or none was found), CONTEXT_MALFORMED, FIELD_NOT_AUTHENTIC (changed, or of another tenant, table, column,
 * row or key).
 */
export function openField(key: KeyOrResolver, context: FieldContext, field: string | ParsedField): Buffer {
  return openText(key, (keyId) => fieldAad(keyId, context), field);
}

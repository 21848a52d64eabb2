export const KEY_ID_CHARACTERS_MAX = 64;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** A key id names one version of one key. To this library it is opaque. */
export function isKeyId(text: unknown): text is string {
  return typeof text === 'string' && KEY_ID.test(text);
}

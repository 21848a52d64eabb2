/**
 * - FILE_KEY_MALFORMED: no key of 32 bytes
 * - FILE_NOT_AUTHENTIC: altered, moved, cut off, or another file
 * - FILE_TOO_LARGE: over what one key may encrypt, or over the limit that was given
 * - FILE_MISSING: the store has no file of this name
 * - FILE_STORE_UNAVAILABLE: the store does not answer, or refuses
 * - FILE_LINK_INVALID: not signed by us, or altered
 * - FILE_LINK_EXPIRED: its minutes are over
 */
export const FILES_FAULT_CODES = ['FILE_KEY_MALFORMED', 'FILE_NOT_AUTHENTIC', 'FILE_TOO_LARGE', 'FILE_MISSING', 'FILE_STORE_UNAVAILABLE', 'FILE_LINK_INVALID', 'FILE_LINK_EXPIRED'] as const;
export type FilesFaultCode = (typeof FILES_FAULT_CODES)[number];

export class FilesFault extends Error {
  override readonly name = 'FilesFault';
  constructor(
    readonly code: FilesFaultCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

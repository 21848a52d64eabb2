export type SealedFileCode =
  /** Others than the owner may read or write the file or its folder. */
  | 'SEALED_FILE_PERMISSIONS'
  /** The file or its folder belongs to another user than the one who reads it. */
  | 'SEALED_FILE_OWNER'
  | 'SEALED_FILE_MALFORMED'
  /** It does not open with this key or passphrase, or was altered. */
  | 'SEALED_FILE_WRONG_KEY'
  /** It is there, but the key file or the passphrase that opens it is not. */
  | 'SEALED_FILE_KEY_MISSING';

/** The sealed file cannot be used; the message says why and what to do, never what is inside. */
export class SealedFileError extends Error {
  override readonly name = 'SealedFileError';
  constructor(
    readonly code: SealedFileCode,
    message: string,
  ) {
    super(message);
  }
}

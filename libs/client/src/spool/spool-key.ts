import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';

export const SALT_BYTES = 16;
const KEY_BYTES = 32;
const SEGMENT_LABEL = 'countersign.spool.segment.v1';

/**
 * What one file of a spool is sealed under. A file has a key of its own, so that no number of commits brings one near the
 * 2^32 random IVs that NIST SP 800-38D §8.3 allows: 256 MiB hold fewer than 2^22 frames.
 */
export interface FileKey {
  /** Stands in each frame, so that a damaged beginning does not take the rest with it. */
  readonly salt: Buffer;
  readonly secret: KeyObject;
}

/** The key of one spool folder; those of its files follow from it (HKDF-SHA-256, RFC 5869). */
export class SpoolKey {
  readonly #key: KeyObject;
  #last: FileKey | undefined;

  /** @param bytes 32, zeroed here */
  constructor(bytes: Buffer) {
    if (bytes.length !== KEY_BYTES) throw new RangeError(`the key of a spool has ${KEY_BYTES} bytes`);
    this.#key = createSecretKey(bytes);
    bytes.fill(0);
  }

  static fresh(): SpoolKey {
    return new SpoolKey(randomBytes(KEY_BYTES));
  }

  /** For a file that begins. */
  freshFileKey(): FileKey {
    return this.#derive(randomBytes(SALT_BYTES));
  }

  /** For a file that is read; frames that follow one another have one salt. */
  fileKey(salt: Uint8Array): FileKey {
    if (this.#last?.salt.equals(salt) !== true) this.#last = this.#derive(Buffer.from(salt));
    return this.#last;
  }

  #derive(salt: Buffer): FileKey {
    const bytes = Buffer.from(hkdfSync('sha256', this.#key, salt, SEGMENT_LABEL, KEY_BYTES));
    const secret = createSecretKey(bytes);
    bytes.fill(0);
    return { salt, secret };
  }
}

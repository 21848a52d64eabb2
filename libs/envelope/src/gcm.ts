import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

/** AES-256-GCM (NIST SP 800-38D) as node:crypto runs it. Not exported: nobody outside may choose an IV. */

/** The full tag. Shorter ones are allowed by NIST SP 800-38D §5.2.1.2 and are easier to forge (appendix C). */
export const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';
// Without this option Node takes any tag of 4 to 16 bytes when it decrypts.
const OPTIONS = { authTagLength: TAG_BYTES } as const;

export interface GcmResult {
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** Encrypts. `key` of 32 bytes, `iv` of 12. The pair must never be used twice. */
export function gcmEncrypt(key: KeyObject, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): GcmResult {
  const cipher = createCipheriv(CIPHER, key, iv, OPTIONS);
  cipher.setAAD(aad);
  const ciphertext = cipher.update(plaintext);
  // GCM is a stream: nothing is left to write, but the tag exists only now.
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** Decrypts; undefined when the tag does not verify, and then nothing of the plaintext leaves this function. */
export function gcmDecrypt(key: KeyObject, iv: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Buffer | undefined {
  const decipher = createDecipheriv(CIPHER, key, iv, OPTIONS);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}

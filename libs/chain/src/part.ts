import { sha256Hex } from './hash.js';

export const SALT_BYTES = 16;

export type PartName = 'data' | 'personal';
export type PartEncoding = 'salted' | 'v2';

/** What the entry says of a part: enough to check its bytes, nothing to guess them from. */
export interface PartDescriptor {
  readonly name: PartName;
  readonly enc: PartEncoding;
  /** Of a personal part: whose it is. */
  readonly subject?: string;
  /** Hex SHA-256 over exactly the stored bytes. */
  readonly digest: string;
  /** Stored length. */
  readonly bytes: number;
}

export interface SealedPart {
  readonly descriptor: PartDescriptor;
  readonly stored: Buffer;
}

/**
 * A `salted` part: 16 random bytes, then the canonical JSON. Without the salt its digest reveals nothing that can be
 * guessed, so destroying the stored bytes destroys the fact.
 */
export function saltedPart(name: PartName, canonicalJson: string, salt: Uint8Array, subject?: string): SealedPart {
  const stored = Buffer.allocUnsafe(SALT_BYTES + Buffer.byteLength(canonicalJson));
  stored.set(salt, 0);
  stored.write(canonicalJson, SALT_BYTES, 'utf8');
  const digest = sha256Hex(stored);
  return { descriptor: { name, enc: 'salted', subject, digest, bytes: stored.length }, stored };
}

/** A `v2` part: the text of an encrypted field. What it is encrypted with is not the chain's business; its bytes are. */
export function encryptedPart(name: PartName, stored: Buffer, subject?: string): SealedPart {
  return { descriptor: { name, enc: 'v2', subject, digest: sha256Hex(stored), bytes: stored.length }, stored };
}

/** The JSON text inside a stored `salted` part. */
export function openSaltedPart(stored: Uint8Array): string {
  return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('utf8', SALT_BYTES);
}

import { createSecretKey, type KeyObject } from 'node:crypto';
import { EnvelopeFault } from './fault.js';
import { isKeyId } from './key-id.js';

export const KEY_BYTES = 32;
/** With random IVs a key may encrypt fewer than 2^32 times, wherever and by whomever (NIST SP 800-38D §8.3). */
export const KEY_USES_MAX = 2 ** 32 - 1;

export interface FieldKeyOptions {
  /** 1 to 64 of A-Z a-z 0-9 _ -; names one version of one key. */
  readonly keyId: string;
  /** 32 bytes, copied: the caller zeroes its own. */
  readonly bytes: Uint8Array;
  /** How many encryptions this object may do, 0 to 2^32-1: a lease from who counts the uses of all processes. 0 opens only. */
  readonly usesMax?: number;
}

let takeUse: (key: FieldKey) => KeyObject;
let takeOpening: (key: FieldKey) => KeyObject;
let takePads: (key: FieldKey, make: (secret: KeyObject) => DigestPads) => DigestPads;

/** A derived key, as HMAC (RFC 2104) begins its two hashes with it. */
export interface DigestPads {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

class FieldKey {
  readonly keyId: string;
  readonly usesMax: number;
  readonly #secret: KeyObject;
  #sealed = 0;
  #opened = 0;
  #pads: DigestPads | undefined;

  constructor(keyId: string, secret: KeyObject, usesMax: number) {
    this.keyId = keyId;
    this.usesMax = usesMax;
    this.#secret = secret;
  }

  /** Encryptions done or begun with this object. */
  get sealedCount(): number {
    return this.#sealed;
  }

  /** Decryptions tried with this object, failed ones included. */
  get openedCount(): number {
    return this.#opened;
  }

  /** Encryptions that it may still do. */
  get usesLeft(): number {
    return this.usesMax - this.#sealed;
  }

  static {
    // Nothing here waits, so no other code of this process runs between the check and the count.
    takeUse = (key) => {
      if (key.#sealed >= key.usesMax) {
        throw new EnvelopeFault('KEY_EXHAUSTED', `key ${key.keyId} has no use left of the ${key.usesMax} that this process was given`);
      }
      key.#sealed += 1;
      return key.#secret;
    };
    takeOpening = (key) => {
      key.#opened += 1;
      return key.#secret;
    };
    takePads = (key, make) => (key.#pads ??= make(key.#secret));
  }
}

export type { FieldKey };
/** For encryption: counts one use and hands out the secret. Throws KEY_EXHAUSTED. Not exported from the package. */
export { takeUse as secretToSeal, takeOpening as secretToOpen };
/** What digests under this key begin with, made once for as long as the key is there. Not exported from the package. */
export { takePads as digestPadsOf };

/**
 * A key for {@link sealField}, {@link openField} and wrapping, which counts its encryptions. Make it once and share it
 * within the process: a second object for the same lease would count from nothing. Throws KEY_MALFORMED.
 */
export function fieldKey({ keyId, bytes, usesMax = KEY_USES_MAX }: FieldKeyOptions): FieldKey {
  if (!isKeyId(keyId)) throw new EnvelopeFault('KEY_MALFORMED', 'a key id is 1 to 64 of A-Z a-z 0-9 _ -');
  if (!Number.isInteger(usesMax) || usesMax < 0 || usesMax > KEY_USES_MAX) {
    throw new EnvelopeFault('KEY_MALFORMED', `usesMax of key ${keyId} is no whole number from 0 to ${KEY_USES_MAX}`);
  }
  return new FieldKey(keyId, secretKey(keyId, bytes), usesMax);
}

/** A KeyObject of exactly 32 bytes. Throws KEY_MALFORMED. */
export function secretKey(name: string, bytes: Uint8Array): KeyObject {
  if (!(bytes instanceof Uint8Array) || bytes.length !== KEY_BYTES) {
    throw new EnvelopeFault('KEY_MALFORMED', `key ${name} does not have ${KEY_BYTES} bytes`);
  }
  // What a buffer holds after it was zeroed: a key that was dropped before it was used.
  if (bytes.every((byte) => byte === 0)) throw new EnvelopeFault('KEY_MALFORMED', `key ${name} is all zeros`);
  return createSecretKey(bytes);
}

import { createHmac, type KeyObject } from 'node:crypto';
import { encodeBase64url } from './base64url.js';
import { type ColumnContext, indexPrefix } from './context.js';
import { EnvelopeFault } from './fault.js';
import { secretKey } from './field-key.js';
import { FIELD_BYTES_MAX } from './field-text.js';

/** 128 bits of the HMAC: among 2^40 values of a column, two meet by chance with probability below 2^-48. */
export const BLIND_INDEX_BYTES = 16;
export const BLIND_INDEX_VERSION_MAX = 2 ** 31 - 1;

let secretOf: (key: BlindIndexKey) => KeyObject;

class BlindIndexKey {
  readonly version: number;
  readonly #secret: KeyObject;

  constructor(version: number, secret: KeyObject) {
    this.version = version;
    this.#secret = secret;
  }

  static {
    secretOf = (key) => key.#secret;
  }
}

export type { BlindIndexKey };

/** A key for blind indexes: 32 bytes, copied, that encrypt nothing; version 1 to 2^31-1. Throws KEY_MALFORMED. */
export function blindIndexKey({ version, bytes }: { readonly version: number; readonly bytes: Uint8Array }): BlindIndexKey {
  if (!Number.isInteger(version) || version < 1 || version > BLIND_INDEX_VERSION_MAX) {
    throw new EnvelopeFault('KEY_MALFORMED', `the version of a blind index key is 1 to ${BLIND_INDEX_VERSION_MAX}`);
  }
  return new BlindIndexKey(version, secretKey(`of blind index version ${version}`, bytes));
}

/**
 * `b<version>:<base64url>` of a value: equal for equal values of one column of one tenant under one key version, so that
 * an encrypted column can be searched for equality. HMAC-SHA-256 (RFC 2104) cut to 16 bytes. Bring the value into its
 * one form first (case, spaces): bytes are compared. Throws CONTEXT_MALFORMED, FIELD_TOO_LARGE.
 */
export function blindIndex(key: BlindIndexKey, context: ColumnContext, value: Uint8Array): string {
  if (value.length > FIELD_BYTES_MAX) throw new EnvelopeFault('FIELD_TOO_LARGE', `the value is over ${FIELD_BYTES_MAX} bytes`);
  const digest = createHmac('sha256', secretOf(key)).update(indexPrefix(context)).update(value).digest();
  return `b${key.version}:${encodeBase64url(digest.subarray(0, BLIND_INDEX_BYTES))}`;
}

import type { KeysError, KeysFaultCode } from '@countersign/contracts';

/**
 * What the key service refuses with, and:
 * - KEYS_UNAVAILABLE: no answer; asking again may help
 * - KEYS_REPLY_INVALID: an answer that is not the key service's, or not to this request
 * - KEY_NOT_ENSURED: a subject was sealed for that was not asked for before
 * - LEASE_SPENT: this process has used up its lease, and the next one is to be asked for; KEY_EXHAUSTED speaks of the key itself
 */
export type KeyClientErrorCode = KeysFaultCode | 'KEYS_UNAVAILABLE' | 'KEYS_REPLY_INVALID' | 'KEY_NOT_ENSURED' | 'LEASE_SPENT';

export class KeyClientError extends Error {
  override readonly name = 'KeyClientError';
  constructor(
    readonly code: KeyClientErrorCode,
    message: string,
    /** What the service said besides, such as `signedSize`. */
    readonly detail: Pick<KeysError, 'field' | 'signedSize'> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Whether the same request may succeed later without anybody changing anything. */
export function isPassing(code: string): boolean {
  return code === 'KEYS_UNAVAILABLE' || code === 'KEYS_OVERLOADED' || code === 'ROOT_KEY_UNAVAILABLE' || code === 'KEYS_INTERNAL' || code === 'LEASE_SPENT';
}

import { isPassing, KeyClientError } from '@countersign/key-client';

/** Whether the key service, rather than what was asked of it, is why this failed. */
export function isKeysAway(error: unknown): boolean {
  return error instanceof KeyClientError && isPassing(error.code);
}

import { EnvelopeFault } from '@countersign/envelope';
import { isPassing, KeyClientError } from '@countersign/key-client';

/** Whether the key service, rather than what was asked of it, is why this failed. */
export function isKeysAway(error: unknown): boolean {
  return error instanceof KeyClientError && isPassing(error.code);
}

/** Code of a fault of keys, or of what lies under them, that waiting does not mend; undefined when the error is something else. */
export function lastingKeyFault(error: unknown): string | undefined {
  if (error instanceof EnvelopeFault) return error.code;
  return error instanceof KeyClientError && !isPassing(error.code) ? error.code : undefined;
}

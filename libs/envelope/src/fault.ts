/** Every fault of this library. A code is stable for ever: callers, alerts and tests match on it. */
export const ENVELOPE_FAULT_CODES = [
  // the stored text
  'FIELD_MALFORMED',
  'FIELD_VERSION_UNKNOWN',
  'FIELD_VERSION_RESERVED',
  'FIELD_TOO_LARGE',
  'FIELD_KEY_MISMATCH',
  'FIELD_NOT_AUTHENTIC',
  // what the caller brings
  'KEY_EXHAUSTED',
  'KEY_MALFORMED',
  'CONTEXT_MALFORMED',
] as const;

export type EnvelopeFaultCode = (typeof ENVELOPE_FAULT_CODES)[number];

/** A refusal. `code` is for machines, `message` for people; neither holds plaintext, key bytes or names from a context. */
export class EnvelopeFault extends Error {
  override readonly name = 'EnvelopeFault';
  constructor(
    readonly code: EnvelopeFaultCode,
    message: string,
  ) {
    super(message);
  }
}

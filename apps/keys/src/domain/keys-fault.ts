import type { KeysFaultCode } from '@countersign/contracts';

/** A refusal. `message` never holds key material or a subject's name. */
export class KeysFault extends Error {
  override readonly name = 'KeysFault';
  constructor(
    readonly code: KeysFaultCode,
    message: string,
    readonly detail: { readonly field?: string; readonly signedSize?: number } = {},
  ) {
    super(message);
  }
}

import type { IdentityFaultCode } from '@countersign/contracts';

/** What identity refuses with; IDENTITY_REPLY_INVALID: an answer that is none of identity's. */
export type IdentityClientErrorCode = IdentityFaultCode | 'IDENTITY_REPLY_INVALID';

export class IdentityClientError extends Error {
  override readonly name = 'IdentityClientError';
  constructor(
    readonly code: IdentityClientErrorCode,
    message: string,
    readonly detail: { readonly field?: string; readonly retryAfterMs?: number } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

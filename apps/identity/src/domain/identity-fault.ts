import type { IdentityFaultCode } from '@countersign/contracts';

export interface FaultDetail {
  readonly field?: string;
  readonly retryAfterMs?: number;
}

/** A refusal. `message` never holds a secret or anything personal. */
export class IdentityFault extends Error {
  override readonly name = 'IdentityFault';
  constructor(
    readonly code: IdentityFaultCode,
    message: string,
    readonly detail: FaultDetail = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

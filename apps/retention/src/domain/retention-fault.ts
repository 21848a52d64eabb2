import type { RetentionFaultCode } from '@countersign/contracts';

export interface FaultDetail {
  readonly field?: string;
  readonly retryAfterMs?: number;
}

/** A refusal. `message` never holds a secret or anything personal. */
export class RetentionFault extends Error {
  override readonly name = 'RetentionFault';
  constructor(
    readonly code: RetentionFaultCode,
    message: string,
    readonly detail: FaultDetail = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

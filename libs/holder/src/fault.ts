import type { HolderFaultCode } from '@countersign/contracts';

/** A holder's refusal. */
export class HolderFault extends Error {
  constructor(
    readonly code: HolderFaultCode,
    message: string,
    readonly field?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'HolderFault';
  }
}

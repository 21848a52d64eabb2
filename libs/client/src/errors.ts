import type { FaultCode } from '@countersign/chain';

/**
 * Why an emit failed. Stable for ever: callers and tests match on it.
 * `EVENT_*` are the ledger's own admission codes, found out before anything is sent.
 */
export type EmitErrorCode =
  | Extract<FaultCode, `EVENT_${string}`>
  /** An option is missing or out of range; the message names it. */
  | 'OPTION_INVALID'
  /** No space came free within `emitTimeoutMs`: the ledger or the bus is behind, or the disk is full. */
  | 'SPOOL_FULL'
  /** The spool's disk failed; the event is not durable and was not sent. */
  | 'SPOOL_FAILED'
  /** Another living process uses this spool folder. */
  | 'SPOOL_LOCKED'
  /** The spool folder belongs to another source or producer. */
  | 'SPOOL_FOREIGN'
  /** The key of the spool is missing, does not open it, or is open to others; the message says which. */
  | 'SPOOL_KEY_UNUSABLE'
  /** Personal parts for an outbox that has no cipher. */
  | 'PERSONAL_UNSEALED'
  /** The emitter is closing or closed. */
  | 'CLOSED'
  /** `emitAndWait`: no receipt within `timeoutMs`. The event stays durable and is sent until its receipt comes. */
  | 'RECEIPT_TIMEOUT'
  /** `durability: 'bus'`: the bus did not confirm within `emitTimeoutMs`. The event is still being sent. */
  | 'PUBLISH_UNCONFIRMED';

/** Thrown by the emitter and the outbox. `field` names the offending event field or option. Values are never echoed. */
export class EmitError extends Error {
  override readonly name = 'EmitError';
  constructor(
    readonly code: EmitErrorCode,
    message: string,
    readonly field?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The ledger refused the event; it lies in the ledger's quarantine and encrypted in the spool's `refused` folder. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

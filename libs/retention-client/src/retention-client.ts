import type { BusConnection } from '@countersign/bus';
import { RETENTION_OPERATIONS, retentionErrorSchema, retentionSubject, type RetentionArgsInput, type RetentionContext, type RetentionFaultCode, type RetentionOperation, type RetentionResult } from '@countersign/contracts';
import { askService } from '@countersign/request-reply';

/** Longer than retention gives what it does in somebody's name. */
const TIMEOUT_MS_DEFAULT = 15_000;

/** What retention refuses with; RETENTION_REPLY_INVALID: an answer that is none of retention's. */
export type RetentionClientErrorCode = RetentionFaultCode | 'RETENTION_REPLY_INVALID';

export class RetentionClientError extends Error {
  override readonly name = 'RetentionClientError';
  constructor(
    readonly code: RetentionClientErrorCode,
    message: string,
    readonly detail: { readonly field?: string; readonly retryAfterMs?: number } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface RetentionClientOptions {
  /** Connected as the edge: the bus lets nobody else ask. */
  readonly bus: Pick<BusConnection, 'request'>;
  readonly timeoutMs?: number;
}

/** Asks retention over the bus (docs/spec/retention-api.md). */
export class RetentionClient {
  constructor(private readonly options: RetentionClientOptions) {}

  /** Throws RetentionClientError; RETENTION_UNAVAILABLE when nobody answers: whether it was done is then unknown. */
  async ask<O extends RetentionOperation>(operation: O, context: RetentionContext, args: RetentionArgsInput<O>): Promise<RetentionResult<O>> {
    const { bus, timeoutMs = TIMEOUT_MS_DEFAULT } = this.options;
    const { asker, result } = RETENTION_OPERATIONS[operation];
    const answer = await askService(bus, { subject: retentionSubject(operation, asker), request: { context, args }, timeoutMs, result, error: retentionErrorSchema });
    switch (answer.what) {
      case 'result':
        return answer.result as RetentionResult<O>;
      case 'error': {
        const { code, message, ...detail } = answer.error;
        throw new RetentionClientError(code, message, detail);
      }
      case 'no-answer':
        throw new RetentionClientError('RETENTION_UNAVAILABLE', `${operation}: retention does not answer`, {}, { cause: answer.cause });
      case 'not-theirs':
        throw new RetentionClientError('RETENTION_REPLY_INVALID', `${operation}: the answer is not one of retention`);
    }
  }
}

import type { BusConnection } from '@countersign/bus';
import { IDENTITY_OPERATIONS, identityErrorSchema, identitySubject, type IdentityArgsInput, type IdentityOperation, type IdentityResult, type RequestContext } from '@countersign/contracts';
import { askService } from '@countersign/request-reply';
import { IdentityClientError } from './identity-client-error.js';

const TIMEOUT_MS_DEFAULT = 10_000;

export interface IdentityClientOptions {
  /** Connected as the edge, as retention or as an operator: the bus lets each ask in its own name only. */
  readonly bus: Pick<BusConnection, 'request'>;
  readonly timeoutMs?: number;
}

/** Asks identity over the bus (docs/spec/identity-api.md). */
export class IdentityClient {
  readonly #timeoutMs: number;

  constructor(private readonly options: IdentityClientOptions) {
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
  }

  /** Throws IdentityClientError; IDENTITY_UNAVAILABLE when nobody answers: whether it was done is then unknown. */
  async ask<O extends IdentityOperation>(operation: O, context: RequestContext, args: IdentityArgsInput<O>): Promise<IdentityResult<O>> {
    const { asker, result } = IDENTITY_OPERATIONS[operation];
    const answer = await askService(this.options.bus, { subject: identitySubject(operation, asker), request: { context, args }, timeoutMs: this.#timeoutMs, result, error: identityErrorSchema });
    switch (answer.what) {
      case 'result':
        return answer.result as IdentityResult<O>;
      case 'error': {
        const { code, message, ...detail } = answer.error;
        throw new IdentityClientError(code, message, detail);
      }
      case 'no-answer':
        throw new IdentityClientError('IDENTITY_UNAVAILABLE', `${operation}: identity does not answer`, {}, { cause: answer.cause });
      case 'not-theirs':
        throw new IdentityClientError('IDENTITY_REPLY_INVALID', `${operation}: the answer is not one of identity`);
    }
  }
}

import type { BusConnection } from '@countersign/bus';
import { IDENTITY_OPERATIONS, identityReplySchema, identitySubject, type IdentityArgsInput, type IdentityOperation, type IdentityResult, type RequestContext } from '@countersign/contracts';
import { IdentityClientError } from './identity-client-error.js';

const TIMEOUT_MS_DEFAULT = 10_000;

export interface IdentityClientOptions {
  /** Connected as the edge or as an operator: the bus lets each ask in its own name only. */
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
    let data: Uint8Array;
    try {
      ({ data } = await this.options.bus.request(identitySubject(operation, asker), JSON.stringify({ context, args }), { timeoutMs: this.#timeoutMs }));
    } catch (cause) {
      throw new IdentityClientError('IDENTITY_UNAVAILABLE', `${operation}: identity does not answer`, {}, { cause });
    }
    const reply = readReply(data, result);
    if (reply === undefined) throw new IdentityClientError('IDENTITY_REPLY_INVALID', `${operation}: the answer is not one of identity`);
    if ('result' in reply) return reply.result as IdentityResult<O>;
    const { code, message, ...detail } = reply.error;
    throw new IdentityClientError(code, message, detail);
  }
}

function readReply(data: Uint8Array, schema: (typeof IDENTITY_OPERATIONS)[IdentityOperation]['result']) {
  try {
    const reply = identityReplySchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    return 'result' in reply ? { result: schema.parse(reply.result) } : reply;
  } catch {
    return undefined;
  }
}

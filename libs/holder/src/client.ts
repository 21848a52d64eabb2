import { ask, BusError, type BusConnection } from '@countersign/bus';
import { HOLDER_OPERATIONS, holderReplySchema, holderSubject, type HolderArgsInput, type HolderOperation, type HolderResult } from '@countersign/contracts';
import { unlessAborted } from '@countersign/runtime';
import { HolderFault } from './fault.js';

/** A list of ranges may be counted while it is asked for. */
const TIMEOUT_MS = 30_000;

/** Asks holders, as retention. */
export class HolderClient {
  readonly #stopping = new AbortController();

  constructor(
    private readonly bus: Pick<BusConnection, 'request'>,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  /** Rejects with HolderFault: HOLDER_UNAVAILABLE says that the outcome is unknown, and that asking again tells it. */
  async ask<O extends HolderOperation>(service: string, operation: O, args: HolderArgsInput<O>, timeoutMs = this.timeoutMs): Promise<HolderResult<O>> {
    const reply = holderReplySchema.safeParse(await this.#reply(service, operation, JSON.stringify(args), timeoutMs));
    if (!reply.success) throw new HolderFault('HOLDER_INTERNAL', `${service} answers what is no answer`);
    if ('error' in reply.data) throw new HolderFault(reply.data.error.code, `${service}: ${reply.data.error.message}`, reply.data.error.field);
    const result = HOLDER_OPERATIONS[operation].result.safeParse(reply.data.result);
    if (!result.success) throw new HolderFault('HOLDER_INTERNAL', `${service} answers ${operation} with what is no result: ${result.error.issues[0]?.path.join('.') ?? ''}`);
    return result.data as HolderResult<O>;
  }

  /** Nothing is waited for any more: what is under way, or comes later, rejects with HOLDER_UNAVAILABLE. A service that is away must not keep this one from ending. */
  stop(): void {
    this.#stopping.abort(new HolderFault('HOLDER_UNAVAILABLE', 'nothing is asked any more: this service ends'));
  }

  async #reply(service: string, operation: string, body: string, timeoutMs: number): Promise<unknown> {
    const subject = holderSubject(service, operation);
    const { signal } = this.#stopping;
    try {
      const { data } = await unlessAborted(ask(this.bus, `holder.${operation}`, subject, body, timeoutMs), signal);
      return JSON.parse(Buffer.from(data).toString('utf8'));
    } catch (error) {
      if (error === signal.reason) throw error;
      if (error instanceof BusError) throw new HolderFault('HOLDER_UNAVAILABLE', `${subject}: ${error.code}`, undefined, { cause: error });
      throw new HolderFault('HOLDER_INTERNAL', `${subject}: the answer is no JSON`, undefined, { cause: error });
    }
  }
}

import { isRetentionOperation, RETENTION_OPERATIONS, RETENTION_REQUEST_BYTES_MAX, RETENTION_SERVICE, retentionRequestSchema, type RetentionOperation } from '@countersign/contracts';
import { readMessage, type AnsweringService, type Refusal } from '@countersign/request-reply';
import type { Handler, Handlers, OpenHandler, OpenHandlers, OpenOperation } from './asker.js';
import type { Callers } from './callers.js';
import type { Denials } from './denials.js';
import { faultOf } from './fault-of.js';

export interface AnswersDependencies {
  readonly callers: Callers;
  readonly denials: Denials;
  readonly handlers: Handlers;
  readonly open: OpenHandlers;
}

/** Finds out who asks, and has each request carried out. */
export class Answers implements AnsweringService {
  readonly name = RETENTION_SERVICE;
  readonly requestBytesMax = RETENTION_REQUEST_BYTES_MAX;
  readonly failureCode = 'RETENTION_INTERNAL';

  constructor(private readonly deps: AnswersDependencies) {}

  knows(operation: string, asker: string): boolean {
    return isRetentionOperation(operation) && RETENTION_OPERATIONS[operation].asker === asker;
  }

  async carryOut(name: string, request: unknown): Promise<unknown> {
    const operation = name as RetentionOperation;
    const { context, args } = readMessage(retentionRequestSchema, request);
    const given = readMessage(RETENTION_OPERATIONS[operation].args, args) as never;
    if (isOpen(operation)) return (this.deps.open[operation] as OpenHandler<OpenOperation>)(given, context);
    const { organization } = given as { readonly organization?: string };
    const asker = await this.deps.callers.who(context, organization);
    const handle = this.deps.handlers[operation] as Handler<RetentionOperation>;
    try {
      return await handle(given, asker);
    } catch (error) {
      await this.deps.denials.add(asker, operation, faultOf(error).code);
      throw error;
    }
  }

  refusalOf(error: unknown): Refusal {
    const { code, message, detail } = faultOf(error);
    return { code, message, ...detail };
  }
}

const isOpen = (operation: RetentionOperation): operation is OpenOperation => 'auth' in RETENTION_OPERATIONS[operation];

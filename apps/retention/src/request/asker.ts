import type { Principal } from '@countersign/access';
import type { IdentityPrincipal, KeyPrincipal, RetentionArgs, RetentionContext, RetentionOperation, RETENTION_OPERATIONS, RetentionResult } from '@countersign/contracts';
import type { AskedFrom, Cause } from '@countersign/event-store';

/** Who asks, and from where, as identity has just told it. */
export interface Asker {
  readonly context: RetentionContext;
  readonly view: IdentityPrincipal | KeyPrincipal;
  readonly principal: Principal;
  /** Of the organisation that the request is about; undefined: it is about none. */
  readonly organization: 'open' | 'closed' | 'unknown' | undefined;
  readonly cause: Cause;
  /** To be given to the one command that the request is about. */
  readonly command: { readonly commandId?: string };
  readonly origin: AskedFrom;
  /** One instant for the whole request. */
  readonly now: Date;
  /** To be called by whatever is about to be committed in his name. Throws CONFLICT when identity's answer has become too old to act on. */
  readonly checkFresh: () => void;
}

export type Handler<O extends RetentionOperation> = (args: RetentionArgs<O>, asker: Asker) => Promise<RetentionResult<O>>;
/** Operations at which a link, or the service that asks, stands for itself. */
export type OpenOperation = { [O in RetentionOperation]: (typeof RETENTION_OPERATIONS)[O] extends { readonly auth: 'link' | 'service' } ? O : never }[RetentionOperation];
export type OpenHandler<O extends OpenOperation> = (args: RetentionArgs<O>, context: RetentionContext) => Promise<RetentionResult<O>>;
export type OpenHandlers = { readonly [O in OpenOperation]: OpenHandler<O> };
export type Handlers = { readonly [O in Exclude<RetentionOperation, OpenOperation>]: Handler<O> };

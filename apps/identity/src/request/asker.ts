import type { IdentityArgs, IdentityOperation, IdentityPrincipal, IdentityResult, KeyPrincipal, RequestContext } from '@countersign/contracts';
import type { Principal } from '@countersign/access';
import type { Cause } from '@countersign/event-store';
import type { Origin } from '../domain/origin.js';
import type { HeldKey } from '../store/api-key-rows.js';
import type { CheckedSession } from '../store/session-rows.js';

/** By what somebody is authorised: a session, or an API key in its place, under whose id it then goes. */
export type Authorised = Pick<CheckedSession, 'session_id' | 'user_id' | 'access' | 'password_due'> & { readonly api_key?: HeldKey };

/** Somebody with a valid session, or a program with a valid key. */
export interface SignedIn {
  readonly principal: Principal;
  /** What the edge is told. */
  readonly view: IdentityPrincipal | KeyPrincipal;
  /** What he was authorised by, to be held until the commit. */
  readonly session: Authorised;
}

/** A person with a valid session. */
export interface SignedInPerson extends SignedIn {
  readonly view: IdentityPrincipal;
  readonly session: CheckedSession;
}

/** Who asks, and from where. */
export interface Asker {
  readonly context: RequestContext;
  readonly cause: Cause;
  /** To be given to the one command that the request is about. */
  readonly command: { readonly commandId?: string };
  /** Undefined for an operator at the command line. */
  readonly origin: Origin | undefined;
  /** There for operations with `auth: 'session'`. */
  readonly signedIn: SignedIn | undefined;
  /** One instant for the whole request. */
  readonly now: Date;
}

export type Handler<O extends IdentityOperation> = (args: IdentityArgs<O>, asker: Asker) => Promise<IdentityResult<O>>;
export type Handlers = { readonly [O in IdentityOperation]: Handler<O> };

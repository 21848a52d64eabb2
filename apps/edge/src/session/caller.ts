import type { Principal } from '@countersign/access';
import type { IdentityPrincipal, KeyPrincipal } from '@countersign/contracts';
import { accessOf } from '@countersign/identity-client';

/** Somebody whose session or API key was checked, as the rules of access take him. */
export interface Caller {
  readonly principal: IdentityPrincipal | KeyPrincipal;
  /** Under which his requests are counted: a user, or a key. */
  readonly name: string;
  readonly access: Principal;
}

/** As long as a principal is cached, it is the same object. */
const known = new WeakMap<Caller['principal'], Caller>();

/** Throws AccessFault ACCESS_SET_MALFORMED. */
export function callerOf(principal: Caller['principal']): Caller {
  const before = known.get(principal);
  if (before !== undefined) return before;
  const caller = { principal, name: principal.kind === 'person' ? principal.userId : `key ${principal.keyId}`, access: accessOf(principal) };
  known.set(principal, caller);
  return caller;
}

import { decodeSet, type Principal } from '@countersign/access';
import type { IdentityPrincipal } from '@countersign/contracts';

/** Somebody whose session was checked, as the rules of access take him. */
export interface Caller {
  readonly principal: IdentityPrincipal;
  readonly access: Principal;
}

/** As long as a principal is cached, it is the same object. */
const known = new WeakMap<IdentityPrincipal, Caller>();

/** Throws AccessFault ACCESS_SET_MALFORMED. */
export function callerOf(principal: IdentityPrincipal): Caller {
  const before = known.get(principal);
  if (before !== undefined) return before;
  const { kind, userId, organization, permissions, mfa, assurance } = principal;
  const access: Principal = {
    kind,
    userId,
    ...(organization === undefined ? {} : { organization }),
    permissions: decodeSet(permissions),
    mfa,
    assurance: { level: assurance.level, atMs: Date.parse(assurance.at) },
  };
  const caller = { principal, access };
  known.set(principal, caller);
  return caller;
}

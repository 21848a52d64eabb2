import { decodeSet, type Principal } from '@countersign/access';
import type { IdentityPrincipal, KeyPrincipal } from '@countersign/contracts';

/** Somebody whose session or API key was checked, as the rules of access take him. */
export interface Caller {
  readonly principal: IdentityPrincipal | KeyPrincipal;
  /** Under which his requests are counted: a user, or a key. */
  readonly name: string;
  readonly access: Principal;
}

const NO_MFA = { needed: false, enrolled: false };

const personal = ({ kind, mfa, assurance }: IdentityPrincipal) => ({ kind, mfa, assurance: { level: assurance.level, atMs: Date.parse(assurance.at) } });

/** As long as a principal is cached, it is the same object. */
const known = new WeakMap<Caller['principal'], Caller>();

/** Throws AccessFault ACCESS_SET_MALFORMED. */
export function callerOf(principal: Caller['principal']): Caller {
  const before = known.get(principal);
  if (before !== undefined) return before;
  const { userId, organization, permissions } = principal;
  const own = { userId, ...(organization === undefined ? {} : { organization }), permissions: decodeSet(permissions) };
  const caller = principal.kind === 'person' ? { principal, name: userId, access: { ...own, ...personal(principal) } } : { principal, name: `key ${principal.keyId}`, access: { ...own, kind: principal.kind, mfa: NO_MFA } };
  known.set(principal, caller);
  return caller;
}

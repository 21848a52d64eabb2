import { decodeSet, type Principal } from '@countersign/access';
import type { IdentityPrincipal, KeyPrincipal } from '@countersign/contracts';

const NO_MFA = { needed: false, enrolled: false };

/** Somebody as identity tells of him, as the rules of access take him. Throws AccessFault ACCESS_SET_MALFORMED. */
export function accessOf(principal: IdentityPrincipal | KeyPrincipal): Principal {
  const { userId, organization, permissions } = principal;
  const own = { userId, ...(organization === undefined ? {} : { organization }), permissions: decodeSet(permissions) };
  if (principal.kind !== 'person') return { ...own, kind: principal.kind, mfa: NO_MFA };
  const { mfa, assurance } = principal;
  return { ...own, kind: 'person', mfa, assurance: { level: assurance.level, atMs: Date.parse(assurance.at) } };
}

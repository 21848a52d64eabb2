import { hash } from 'node:crypto';
import { commonOf, decodeSet, encodeSet, permissionsIn, type PermissionSet } from '@countersign/access';
import type { FAULTS_OF_KEYS, KeyPrincipal } from '@countersign/contracts';
import type { SignedIn } from '../request/asker.js';
import { assignmentOf } from '../request/authorise.js';
import type { CheckedKey } from '../store/api-key-rows.js';
import type { LoadedRole } from '../store/user-rows.js';

/**
 * What a key may do: what it was given, and of that no more than its maker, and its account, may do at this moment. Whoever loses a
 * permission takes it from his keys.
 */
export function holderOf(row: CheckedKey): SignedIn {
  const { key_id: keyId, account_id, created_by: createdBy, expires_at } = row;
  const organization = row.organization ?? undefined;
  const userId = account_id ?? createdBy;
  const kind = account_id === null ? 'api-key' : 'service-account';
  const permissions = effective(row);
  const view: KeyPrincipal = {
    kind, userId, keyId, createdBy, organization,
    keyDigest: keyDigestOf(row),
    serviceName: row.account_name ?? undefined,
    permissions: encodeSet(permissions),
    expiresAt: expires_at.toISOString(),
  };
  return {
    principal: { kind, userId, organization, permissions, mfa: { needed: false, enrolled: false } },
    view,
    session: {
      session_id: keyId,
      user_id: userId,
      access: row.creator_access,
      password_due: null,
      api_key: { keyId, createdBy, creatorAccess: row.creator_access, accountId: account_id ?? undefined, accountAccess: row.account_access ?? undefined },
    },
  };
}

/** What roles come to in the organisation in which the key acts. */
export function heldIn(organization: string | undefined, roles: readonly LoadedRole[]): PermissionSet {
  return permissionsIn(organization, roles.map(assignmentOf));
}

/** Of the MAC under which the key is kept: who has seen the key is told it, and who has only seen it opens nothing with it. */
export const keyDigestOf = ({ mac }: Pick<CheckedKey, 'mac'>): string => hash('sha256', mac, 'base64url');

/** Why a key counts for nothing any more; undefined: it counts. */
export function endOf({ is_revoked, creator_state, does_creator_rest, account_id, account_state, expires_at }: CheckedKey, now: Date): Exclude<(typeof FAULTS_OF_KEYS)[number], 'API_KEY_REFUSED'> | undefined {
  if (is_revoked || creator_state !== 'active' || (account_state ?? 'active') !== 'active') return 'API_KEY_REVOKED';
  if (expires_at <= now) return 'API_KEY_EXPIRED';
  // Those of accounts go on: a service does not stop because an administrator lost his telephone.
  return account_id === null && does_creator_rest ? 'API_KEY_SUSPENDED' : undefined;
}

function effective({ permissions, organization, creator_roles, account_roles }: CheckedKey): PermissionSet {
  const ofMaker = commonOf(decodeSet(permissions), heldIn(organization ?? undefined, creator_roles));
  return account_roles === null ? ofMaker : commonOf(ofMaker, heldIn(organization ?? undefined, account_roles));
}

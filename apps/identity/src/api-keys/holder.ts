import { commonOf, decodeSet, encodeSet, permissionsIn, type PermissionSet } from '@countersign/access';
import type { KeyPrincipal } from '@countersign/contracts';
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

function effective({ permissions, organization, creator_roles, account_roles }: CheckedKey): PermissionSet {
  const ofMaker = commonOf(decodeSet(permissions), heldIn(organization ?? undefined, creator_roles));
  return account_roles === null ? ofMaker : commonOf(ofMaker, heldIn(organization ?? undefined, account_roles));
}

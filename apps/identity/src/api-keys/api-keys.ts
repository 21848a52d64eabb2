import { AccessFault, covers, decideGrant, decodeSet, encodeSet, grantsOf, permissionOf, permissionSet, type PermissionSet } from '@countersign/access';
import { API_KEYS_MAX, type ApiKeyView, type GrantView, type IdentityArgs, type IdentityResult } from '@countersign/contracts';
import { apiKeyMac, newApiKey } from '@countersign/credentials';
import { apiKeyAggregate, keyExpiryOf, type KeyOwner } from '../domain/api-key.js';
import { IdentityFault } from '../domain/identity-fault.js';
import { openOrganization } from '../organization/organizations.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers, SignedIn } from '../request/asker.js';
import { authorise, signedIn, targetOf } from '../request/authorise.js';
import { isWithheld } from '../request/restricted.js';
import { authority, unknownUser } from '../session/sessions.js';
import { holdAuthority } from '../store/session-rows.js';
import { insertApiKey, revokeApiKey, type ApiKeyRow } from '../store/api-key-rows.js';
import { heldIn } from './holder.js';
import { accountOf, targetOfAccount } from './service-accounts.js';

type Names = 'api-key-check' | 'api-key-list' | 'api-key-create' | 'api-key-revoke';
/** A row of it is about a person when the name is. */
const TABLE = 'api_keys';

export function apiKeyHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    'api-key-check': async (_args, asker) => {
      const { view } = signedIn(asker);
      if (view.kind === 'person') throw new IdentityFault('UNAUTHENTICATED', 'there is no API key');
      return view;
    },
    'api-key-list': (args, asker) => list(flows, args, asker),
    'api-key-create': (args, asker) => create(flows, args, asker),
    'api-key-revoke': (args, asker) => revoke(flows, args, asker),
  };
}

async function list(flows: Flows, args: IdentityArgs<'api-key-list'>, asker: Asker): Promise<IdentityResult<'api-key-list'>> {
  const owner = 'accountId' in args ? { accountId: args.accountId } : { userId: args.userId ?? signedIn(asker).session.user_id };
  authorise(asker, 'api-key.read', await targetOfOwner(flows, owner));
  const shown = await viewsOf(flows, await flows.apiKeys.ofOwner(owner, asker.now));
  // A name is what he has called it.
  const user = 'userId' in owner && owner.userId !== undefined ? await flows.users.find(owner.userId) : undefined;
  return { apiKeys: user !== undefined && isWithheld(user, asker) ? shown.map(({ name: _untold, ...rest }) => rest) : shown };
}

interface Wanted {
  readonly owner: KeyOwner;
  /** In which the key is to act. */
  readonly organization: string | undefined;
  readonly permissions: PermissionSet;
  readonly who: SignedIn;
}

async function create(flows: Flows, args: IdentityArgs<'api-key-create'>, asker: Asker): Promise<IdentityResult<'api-key-create'>> {
  const { keys, columns, store, tenant, notices } = flows;
  const { name, days } = args;
  const nowMs = asker.now.getTime();
  const { owner, organization, permissions, who } = await admitted(flows, args, asker);
  const key = newApiKey();
  const [sealed] = await columns.seal([{ subject: owner.id, table: TABLE, column: 'name', row: key.id, text: name }]);
  if (sealed === undefined) throw new IdentityFault('CONFLICT', 'whose key it was to be was erased');
  const createdBy = who.session.user_id;
  const row: ApiKeyRow = {
    key_id: key.id,
    user_id: owner.type === 'user' ? owner.id : null,
    account_id: owner.type === 'user' ? null : owner.id,
    created_by: createdBy,
    organization: organization ?? null,
    ledger: organization ?? null,
    preview: key.preview,
    name: sealed,
    permissions: encodeSet(permissions),
    created_at: asker.now,
    expires_at: new Date(keyExpiryOf(nowMs, days)),
    last_used_at: null,
  };
  const post = await notices.apiKeyMade(createdBy, `csk_${key.id}`, asker);
  const mac = apiKeyMac(key, await keys.apiKeyKey());
  await store.execute(apiKeyAggregate, {
    tenant: organization ?? tenant,
    id: key.id,
    command: { type: 'create', keyId: key.id, owner, createdBy, organization, name, grants: grantsOf(permissions), days, nowMs, origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    project: async (client) => {
      await holdAuthority(client, authority(who.session));
      await insertApiKey(client, { ...row, mac }, API_KEYS_MAX, asker.now);
      await post(client);
    },
  });
  return { key: key.text, apiKey: viewOf(row, name) };
}

/** Whose it is to be and what it is to hold: no more than who makes it, and no more than the account. */
async function admitted(flows: Flows, { accountId, organization: asked, grants }: IdentityArgs<'api-key-create'>, asker: Asker): Promise<Wanted> {
  const permissions = setOf(grants);
  const account = accountId === undefined ? undefined : await accountOf(flows, accountId);
  const ownerId = accountId ?? signedIn(asker).session.user_id;
  const who = authorise(asker, 'api-key.create', await targetOfOwner(flows, accountId === undefined ? { userId: ownerId } : { accountId }));
  const organization = account === undefined ? who.principal.organization : (account.organization ?? asked);
  if (asked !== undefined && asked !== organization) throw new IdentityFault('ORGANIZATION_UNKNOWN', 'the key would act in another organisation than its owner', { field: 'organization' });
  if (organization !== undefined && account !== undefined) await openOrganization(flows, organization);
  if (account?.state === 'disabled') throw new IdentityFault('SERVICE_ACCOUNT_DISABLED', 'the account is disabled', { field: 'accountId' });
  const isHeld = decideGrant(who.principal, { organization, permissions }).allowed && (account === undefined || covers(heldIn(organization, account.roles), permissions));
  if (!isHeld) throw new IdentityFault('GRANT_EXCEEDS_OWN', 'a key holds no more than who makes it, and whose it is', { field: 'grants' });
  return { owner: { type: account === undefined ? 'user' : 'service-account', id: ownerId }, organization, permissions, who };
}

/** Throws PERMISSION_NOT_GRANTABLE. What only persons do would lie in a key unused, and look like more than it is. */
function setOf(grants: readonly GrantView[]): PermissionSet {
  const refused = (why: string): IdentityFault => new IdentityFault('PERMISSION_NOT_GRANTABLE', why, { field: 'grants' });
  try {
    const permissions = permissionSet(grants.map(({ permission, scope }) => ({ permission: permissionOf(permission).id, scope })));
    const ofPersons = grants.find(({ permission }) => permissionOf(permission).traits.includes('person'));
    if (ofPersons !== undefined) throw refused(`${ofPersons.permission} is for persons alone`);
    return permissions;
  } catch (error) {
    if (error instanceof AccessFault) throw refused(error.message);
    throw error;
  }
}

async function revoke(flows: Flows, { keyId }: IdentityArgs<'api-key-revoke'>, asker: Asker): Promise<IdentityResult<'api-key-revoke'>> {
  const { apiKeys, store, tenant, revocations } = flows;
  const row = await apiKeys.find(keyId);
  if (row === undefined) throw new IdentityFault('API_KEY_UNKNOWN', 'there is no such key', { field: 'keyId' });
  const { session } = authorise(asker, 'api-key.revoke', await targetOfOwner(flows, ownerOf(row)));
  await store.execute(apiKeyAggregate, {
    tenant: row.ledger ?? tenant,
    id: keyId,
    command: { type: 'revoke', keyId, nowMs: asker.now.getTime(), origin: asker.origin },
    ...asker.cause,
    ...asker.command,
    retriesMax: 3,
    project: async (client) => {
      await holdAuthority(client, authority(session));
      await revokeApiKey(client, keyId, asker.now);
    },
  });
  await revocations.enforce(row.account_id ?? row.created_by, [keyId]);
  return {};
}

type Owner = { readonly userId: string } | { readonly accountId: string };
const ownerOf = ({ account_id, created_by }: ApiKeyRow): Owner => (account_id === null ? { userId: created_by } : { accountId: account_id });

async function targetOfOwner(flows: Flows, owner: Owner) {
  if ('accountId' in owner) return targetOfAccount(await accountOf(flows, owner.accountId));
  const user = await flows.users.find(owner.userId);
  if (user === undefined) throw unknownUser();
  return targetOf(user);
}

async function viewsOf({ columns }: Flows, rows: readonly ApiKeyRow[]): Promise<ApiKeyView[]> {
  const names = await columns.open(rows.map((row) => ({ subject: row.account_id ?? row.created_by, table: TABLE, column: 'name', row: row.key_id, sealed: row.name })));
  return rows.map((row, at) => viewOf(row, names[at]));
}

function viewOf(row: ApiKeyRow, name: string | undefined): ApiKeyView {
  return {
    keyId: row.key_id,
    name,
    preview: row.preview,
    userId: row.user_id ?? undefined,
    accountId: row.account_id ?? undefined,
    createdBy: row.created_by,
    organization: row.organization ?? undefined,
    grants: grantsOf(decodeSet(row.permissions)),
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString(),
  };
}

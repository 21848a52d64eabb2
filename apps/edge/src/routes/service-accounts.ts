import type { PermissionId } from '@countersign/access';
import { heldRoleSchema, IDENTITY_OPERATIONS } from '@countersign/contracts';
import { z } from 'zod';
import { keyParams, newKeySchema, type NewKey } from './api-keys.js';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** Service accounts and their keys, and the keys of others. */

const accountParams = z.strictObject({ accountId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a service account id') });
const { reason } = IDENTITY_OPERATIONS['service-account-disable'].args.shape;
const { organization } = IDENTITY_OPERATIONS['api-key-create'].args.shape;
const accountKeySchema = z.strictObject({ ...newKeySchema.shape, organization });

/** At least over the organisation in which one acts. To which one an account or a key belongs is known to identity, which decides again. */
const within = (permission: PermissionId): Access => ({
  kind: 'permission',
  permission,
  target: (_params, { organization: own }) => (own === undefined ? {} : { organization: own }),
});
const accountOf = ({ params }: { readonly params: Readonly<Record<string, string>> }): { readonly accountId: string } => ({ accountId: params['accountId']! });

export const SERVICE_ACCOUNT_ROUTES: readonly Route[] = [
  identityRoute('service-account-list', {
    method: 'GET', path: '/v1/admin/service-accounts', tag: 'admin', limit: 'read', access: within('service-account.read'),
    summary: 'Service accounts, in pages.',
    query: z.strictObject({
      after: accountParams.shape.accountId.optional(),
      limit: z.string().regex(/^[1-9]\d{0,2}$/, 'must be 1 to 200').transform(Number).refine((limit) => limit <= 200, 'must be 1 to 200').optional(),
    }),
    args: ({ query }) => query as { after?: string; limit?: number },
    tell: { schema: IDENTITY_OPERATIONS['service-account-list'].result, pick: (result) => result },
  }),
  identityRoute('service-account-create', {
    method: 'POST', path: '/v1/admin/service-accounts', tag: 'admin', limit: 'write', access: within('service-account.create'),
    summary: 'Make a service account, of an organisation or of the installation.',
    body: IDENTITY_OPERATIONS['service-account-create'].args,
    status: 201,
    args: ({ body }) => body as { name: string; organization?: string },
    tell: { schema: IDENTITY_OPERATIONS['service-account-create'].result, pick: (result) => result },
  }),
  identityRoute('service-account-disable', {
    method: 'POST', path: '/v1/admin/service-accounts/:accountId/disable', tag: 'admin', limit: 'write', access: within('service-account.disable'),
    summary: 'Disable a service account, and its keys with it.',
    params: accountParams,
    body: z.strictObject({ reason }),
    args: (call) => ({ ...accountOf(call), ...(call.body as { reason: string }) }),
  }),
  identityRoute('service-account-enable', {
    method: 'POST', path: '/v1/admin/service-accounts/:accountId/enable', tag: 'admin', limit: 'write', access: within('service-account.disable'),
    summary: 'Let a disabled service account in again.',
    params: accountParams,
    args: accountOf,
  }),
  identityRoute('service-account-role-grant', {
    method: 'POST', path: '/v1/admin/service-accounts/:accountId/roles', tag: 'admin', limit: 'write', access: within('role.assign'),
    summary: 'Give a service account a role.',
    params: accountParams,
    body: heldRoleSchema,
    args: (call) => ({ ...accountOf(call), ...(call.body as z.output<typeof heldRoleSchema>) }),
  }),
  identityRoute('service-account-role-revoke', {
    method: 'POST', path: '/v1/admin/service-accounts/:accountId/roles/revoke', tag: 'admin', limit: 'write', access: within('role.assign'),
    summary: 'Take a role of a service account away; effective on the very next request.',
    params: accountParams,
    body: heldRoleSchema,
    args: (call) => ({ ...accountOf(call), ...(call.body as z.output<typeof heldRoleSchema>) }),
  }),
  identityRoute('api-key-list', {
    method: 'GET', path: '/v1/admin/service-accounts/:accountId/api-keys', tag: 'admin', limit: 'read', access: within('api-key.read'),
    summary: 'API keys of a service account.',
    params: accountParams,
    args: accountOf,
    tell: { schema: IDENTITY_OPERATIONS['api-key-list'].result, pick: (result) => result },
  }),
  identityRoute('api-key-create', {
    method: 'POST', path: '/v1/admin/service-accounts/:accountId/api-keys', tag: 'admin', limit: 'write', access: within('api-key.create'),
    summary: 'Make an API key for a service account. It is shown this once.',
    params: accountParams,
    body: accountKeySchema,
    answersSecret: true,
    status: 201,
    args: (call) => ({ ...accountOf(call), ...(call.body as NewKey & { organization?: string }) }),
    tell: { schema: IDENTITY_OPERATIONS['api-key-create'].result, pick: (result) => result },
  }),
  identityRoute('api-key-list', {
    method: 'GET', path: '/v1/admin/users/:userId/api-keys', tag: 'admin', limit: 'read',
    access: { kind: 'permission', permission: 'api-key.read', target: ({ userId }) => ({ userId: userId! }) },
    summary: "Somebody's API keys.",
    params: z.strictObject({ userId: accountParams.shape.accountId }),
    args: ({ params }) => ({ userId: params['userId']! }),
    tell: { schema: IDENTITY_OPERATIONS['api-key-list'].result, pick: (result) => result },
  }),
  identityRoute('api-key-revoke', {
    method: 'DELETE', path: '/v1/admin/api-keys/:keyId', tag: 'admin', limit: 'write', access: within('api-key.revoke'),
    summary: 'Revoke an API key of somebody, or of a service account.',
    params: keyParams,
    args: ({ params }) => ({ keyId: params['keyId']! }),
  }),
];

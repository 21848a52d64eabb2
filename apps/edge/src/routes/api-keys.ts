import type { PermissionId } from '@countersign/access';
import { apiKeyIdSchema, IDENTITY_OPERATIONS } from '@countersign/contracts';
import { z } from 'zod';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** API keys of one's own. Identity decides whose is whose, and asks for a fresh proof before one is made. */

/** One's own; identity asks for the permission. */
const own = (asks: PermissionId): Access => ({ kind: 'session', asks });
const { name, grants, days } = IDENTITY_OPERATIONS['api-key-create'].args.shape;
/** Without what concerns the keys of service accounts. */
export const newKeySchema = z.strictObject({ name, grants, days });
export type NewKey = z.output<typeof newKeySchema>;
export const keyParams = z.strictObject({ keyId: apiKeyIdSchema });

export const API_KEY_ROUTES: readonly Route[] = [
  identityRoute('api-key-list', {
    method: 'GET', path: '/v1/account/api-keys', tag: 'account', limit: 'read', access: own('api-key.read'),
    summary: 'Your API keys: previews, never the keys.',
    args: () => ({}),
    tell: { schema: IDENTITY_OPERATIONS['api-key-list'].result, pick: (result) => result },
  }),
  identityRoute('api-key-create', {
    method: 'POST', path: '/v1/account/api-keys', tag: 'account', limit: 'write', access: own('api-key.create'),
    summary: 'Make an API key that does no more than you may. It is shown this once.',
    body: newKeySchema,
    answersSecret: true,
    status: 201,
    args: ({ body }) => body as NewKey,
    tell: { schema: IDENTITY_OPERATIONS['api-key-create'].result, pick: (result) => result },
  }),
  identityRoute('api-key-revoke', {
    method: 'DELETE', path: '/v1/account/api-keys/:keyId', tag: 'account', limit: 'write', access: own('api-key.revoke'),
    summary: 'Revoke one of your API keys.',
    params: keyParams,
    args: ({ params }) => ({ keyId: params['keyId']! }),
  }),
];

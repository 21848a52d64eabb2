import type { PermissionId } from '@countersign/access';
import { heldRoleSchema, IDENTITY_OPERATIONS, sessionViewSchema, userViewSchema } from '@countersign/contracts';
import { z } from 'zod';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** Accounts of others and their roles. */

const userParams = z.strictObject({ userId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a user id') });
const sessionParams = z.strictObject({ sessionId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a session id') });
const { reason } = IDENTITY_OPERATIONS['user-disable'].args.shape;

/** Over the platform. Identity knows of which organisations somebody is, and decides again. */
const over = (permission: PermissionId): Access => ({
  kind: 'permission',
  permission,
  target: ({ userId }) => (userId === undefined ? {} : { userId }),
});

export const ADMIN_ROUTES: readonly Route[] = [
  identityRoute('user-list', {
    method: 'GET', path: '/v1/admin/users', tag: 'admin', limit: 'read', access: over('user.read'),
    summary: 'Accounts, in pages; with email the one whose address it is.',
    query: z.strictObject({
      after: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a user id').optional(),
      email: IDENTITY_OPERATIONS['user-list'].args.shape.email,
      limit: z.string().regex(/^[1-9]\d{0,2}$/, 'must be 1 to 200').transform(Number).refine((limit) => limit <= 200, 'must be 1 to 200').optional(),
    }),
    args: ({ query }) => query as { after?: string; email?: string; limit?: number },
    tell: { schema: IDENTITY_OPERATIONS['user-list'].result, pick: (result) => result },
  }),
  identityRoute('user-show', {
    method: 'GET', path: '/v1/admin/users/:userId', tag: 'admin', limit: 'read', access: over('user.read'),
    summary: 'One account.',
    params: userParams,
    args: ({ params }) => ({ userId: params['userId']! }),
    tell: { schema: userViewSchema, pick: (result) => result },
  }),
  identityRoute('user-disable', {
    method: 'POST', path: '/v1/admin/users/:userId/disable', tag: 'admin', limit: 'write', access: over('user.disable'),
    summary: 'Disable an account and end its sessions.',
    params: userParams,
    body: z.strictObject({ reason }),
    args: ({ params, body }) => ({ userId: params['userId']!, ...(body as { reason: string }) }),
  }),
  identityRoute('user-enable', {
    method: 'POST', path: '/v1/admin/users/:userId/enable', tag: 'admin', limit: 'write', access: over('user.disable'),
    summary: 'Let a disabled account in again.',
    params: userParams,
    args: ({ params }) => ({ userId: params['userId']! }),
  }),
  identityRoute('user-unlock', {
    method: 'POST', path: '/v1/admin/users/:userId/unlock', tag: 'admin', limit: 'write', access: over('user.unlock'),
    summary: 'Lift the locks that failed attempts have set on an account.',
    params: userParams,
    args: ({ params }) => ({ userId: params['userId']! }),
  }),
  identityRoute('role-grant', {
    method: 'POST', path: '/v1/admin/users/:userId/roles', tag: 'admin', limit: 'write', access: over('role.assign'),
    summary: 'Give somebody a role, on the platform or in an organisation.',
    params: userParams,
    body: heldRoleSchema,
    args: ({ params, body }) => ({ userId: params['userId']!, ...(body as z.output<typeof heldRoleSchema>) }),
  }),
  identityRoute('role-revoke', {
    method: 'POST', path: '/v1/admin/users/:userId/roles/revoke', tag: 'admin', limit: 'write', access: over('role.assign'),
    summary: 'Take a role away; effective on the very next request.',
    params: userParams,
    body: heldRoleSchema,
    args: ({ params, body }) => ({ userId: params['userId']!, ...(body as z.output<typeof heldRoleSchema>) }),
  }),
  identityRoute('session-list', {
    method: 'GET', path: '/v1/admin/users/:userId/sessions', tag: 'admin', limit: 'read', access: over('session.read'),
    summary: "Somebody's sessions.",
    params: userParams,
    args: ({ params }) => ({ userId: params['userId']! }),
    tell: { schema: z.strictObject({ sessions: z.array(sessionViewSchema) }), pick: (result) => result },
  }),
  identityRoute('session-revoke-all', {
    method: 'POST', path: '/v1/admin/users/:userId/sessions/revoke-all', tag: 'admin', limit: 'write', access: over('session.revoke'),
    summary: 'End all sessions of somebody.',
    params: userParams,
    args: ({ params }) => ({ userId: params['userId']! }),
    tell: { schema: IDENTITY_OPERATIONS['session-revoke-all'].result, pick: (result) => result },
  }),
  identityRoute('session-revoke', {
    method: 'DELETE', path: '/v1/admin/sessions/:sessionId', tag: 'admin', limit: 'write', access: over('session.revoke'),
    summary: 'End one session of somebody.',
    params: sessionParams,
    args: ({ params }) => ({ sessionId: params['sessionId']! }),
  }),
];

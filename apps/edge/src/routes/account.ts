import type { PermissionId } from '@countersign/access';
import { IDENTITY_OPERATIONS, principalSchema, sessionViewSchema, userViewSchema } from '@countersign/contracts';
import { z } from 'zod';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** What is one's own: profile, password, second factor, sessions. */

type Operations = typeof IDENTITY_OPERATIONS;
const SESSION = { kind: 'session' } as const;
/** One's own; identity asks for the permission. */
const own = (asks: PermissionId): Access => ({ kind: 'session', asks });
const sessionParams = z.strictObject({ sessionId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be a session id') });

export const ACCOUNT_ROUTES: readonly Route[] = [
  identityRoute('session-check', {
    method: 'GET', path: '/v1/account/principal', tag: 'account', limit: 'read', access: SESSION,
    summary: 'Who this session belongs to, and what he may do.',
    args: () => ({}),
    tell: { schema: principalSchema, pick: (result) => result },
  }),
  identityRoute('user-show', {
    method: 'GET', path: '/v1/account/profile', tag: 'account', limit: 'read', access: own('user.read'),
    summary: 'Your account.',
    args: () => ({}),
    tell: { schema: userViewSchema, pick: (result) => result },
  }),
  identityRoute('change-password', {
    method: 'POST', path: '/v1/account/password', tag: 'account', limit: 'guess', access: own('password.change'),
    summary: 'Change your password; ends every other session.',
    body: IDENTITY_OPERATIONS['change-password'].args,
    args: ({ body }) => body as z.input<Operations['change-password']['args']>,
  }),
  identityRoute('enrol-totp', {
    method: 'POST', path: '/v1/account/totp', tag: 'account', limit: 'write', access: own('mfa.enroll'),
    summary: 'Begin with an authenticator: a secret that is not in force before it is confirmed.',
    answersSecret: true,
    status: 201,
    args: () => ({}),
    tell: { schema: IDENTITY_OPERATIONS['enrol-totp'].result, pick: (result) => result },
  }),
  identityRoute('confirm-totp', {
    method: 'POST', path: '/v1/account/totp/confirm', tag: 'account', limit: 'guess', access: own('mfa.enroll'),
    summary: 'Show that the authenticator has the secret. The backup codes are shown this once.',
    answersSecret: true,
    body: IDENTITY_OPERATIONS['confirm-totp'].args,
    args: ({ body }) => body as z.input<Operations['confirm-totp']['args']>,
    tell: { schema: IDENTITY_OPERATIONS['confirm-totp'].result, pick: (result) => result },
  }),
  identityRoute('step-up', {
    method: 'POST', path: '/v1/account/step-up', tag: 'account', limit: 'guess', access: SESSION,
    summary: 'Prove again who you are, for sensitive actions.',
    body: IDENTITY_OPERATIONS['step-up'].args,
    args: ({ body }) => body as z.input<Operations['step-up']['args']>,
    tell: { schema: principalSchema, pick: (result) => result },
  }),
  identityRoute('session-list', {
    method: 'GET', path: '/v1/account/sessions', tag: 'account', limit: 'read', access: own('session.read'),
    summary: 'Your sessions and the devices they were begun on.',
    args: () => ({}),
    tell: { schema: z.strictObject({ sessions: z.array(sessionViewSchema) }), pick: (result) => result },
  }),
  identityRoute('session-revoke', {
    method: 'DELETE', path: '/v1/account/sessions/:sessionId', tag: 'account', limit: 'write', access: own('session.revoke'),
    summary: 'End one of your sessions.',
    params: sessionParams,
    args: ({ params }) => ({ sessionId: params['sessionId']! }),
  }),
  identityRoute('session-revoke-all', {
    method: 'POST', path: '/v1/account/sessions/revoke-all', tag: 'account', limit: 'write', access: own('session.revoke'),
    summary: 'End all your sessions; keepCurrent spares this one.',
    body: z.strictObject({ keepCurrent: z.boolean().default(false) }),
    args: ({ body }) => body as { keepCurrent: boolean },
    tell: { schema: IDENTITY_OPERATIONS['session-revoke-all'].result, pick: (result) => result },
  }),
];

import type { PermissionId } from '@countersign/access';
import { IDENTITY_OPERATIONS, profileChangeSchema } from '@countersign/contracts';
import { z } from 'zod';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** Accounts by links that are good once, and what their owners say of themselves. */

type Operations = typeof IDENTITY_OPERATIONS;
/** One's own; identity asks for the permission. */
const own = (asks: PermissionId): Access => ({ kind: 'session', asks });

export const CREDENTIAL_ROUTES: readonly Route[] = [
  identityRoute('setup', {
    method: 'POST', path: '/v1/setup', tag: 'sign-in', limit: 'guess',
    summary: 'Make the first administrator, by the link that an operator has printed.',
    access: { kind: 'public', why: 'there is nobody yet; the link is the proof' },
    body: IDENTITY_OPERATIONS.setup.args,
    status: 201,
    args: ({ body }) => body as z.input<Operations['setup']['args']>,
    tell: { schema: IDENTITY_OPERATIONS.setup.result, pick: (result) => result },
  }),
  identityRoute('password-reset-ask', {
    method: 'POST', path: '/v1/password-reset', tag: 'sign-in', limit: 'guess',
    summary: 'Have a link mailed by which a new password is set. The same answer whether or not the address has an account.',
    access: { kind: 'public', why: 'who has forgotten the password has no session' },
    body: IDENTITY_OPERATIONS['password-reset-ask'].args,
    status: 202,
    args: ({ body }) => body as z.input<Operations['password-reset-ask']['args']>,
    tell: { schema: z.strictObject({}), pick: () => ({}) },
  }),
  identityRoute('password-reset', {
    method: 'POST', path: '/v1/password-reset/complete', tag: 'sign-in', limit: 'guess',
    summary: 'Set a new password by the link. Ends all sessions, and begins none.',
    access: { kind: 'public', why: 'the link is the proof' },
    body: IDENTITY_OPERATIONS['password-reset'].args,
    args: ({ body }) => body as z.input<Operations['password-reset']['args']>,
  }),
  identityRoute('email-change-ask', {
    method: 'POST', path: '/v1/account/email', tag: 'account', limit: 'guess', access: own('user.change-email'),
    summary: 'Ask for another address: a link is mailed to it, and a notice to the present one when it was followed.',
    body: IDENTITY_OPERATIONS['email-change-ask'].args,
    status: 202,
    args: ({ body }) => body as z.input<Operations['email-change-ask']['args']>,
    tell: { schema: z.strictObject({}), pick: () => ({}) },
  }),
  identityRoute('email-change', {
    method: 'POST', path: '/v1/email-change', tag: 'account', limit: 'guess',
    summary: 'Confirm the new address by the link that was mailed to it.',
    access: { kind: 'public', why: 'the link is the proof, and mail is read where nobody is signed in' },
    body: IDENTITY_OPERATIONS['email-change'].args,
    args: ({ body }) => body as z.input<Operations['email-change']['args']>,
  }),
  identityRoute('profile-change', {
    method: 'PATCH', path: '/v1/account/profile', tag: 'account', limit: 'write', access: own('user.update'),
    summary: 'Change your name or your language.',
    body: profileChangeSchema,
    args: ({ body }) => body as z.input<Operations['profile-change']['args']>,
  }),
];

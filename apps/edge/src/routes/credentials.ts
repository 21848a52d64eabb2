import { IDENTITY_OPERATIONS, profileChangeSchema } from '@countersign/contracts';
import type { z } from 'zod';
import { identityRoute } from './identity-route.js';
import type { Route } from './route.js';

/** Accounts by links that are good once, and what their owners say of themselves. */

type Operations = typeof IDENTITY_OPERATIONS;
const SESSION = { kind: 'session' } as const;

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
  identityRoute('profile-change', {
    method: 'PATCH', path: '/v1/account/profile', tag: 'account', limit: 'write', access: SESSION,
    summary: 'Change your name or your language.',
    body: profileChangeSchema,
    args: ({ body }) => body as z.input<Operations['profile-change']['args']>,
  }),
];

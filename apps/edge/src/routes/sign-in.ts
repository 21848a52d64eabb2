import { challengedSchema, IDENTITY_OPERATIONS, principalSchema, type StartedSession } from '@countersign/contracts';
import { z } from 'zod';
import { clearSessionCookies, setSessionCookies } from '../http/cookies.js';
import { identityRoute } from './identity-route.js';
import type { Route } from './route.js';

/** Getting in and out. */

/** The token itself goes into a cookie that scripts cannot read, never into a body. */
const signedIn = z.strictObject({ principal: principalSchema });
const argsOf = <O extends keyof typeof IDENTITY_OPERATIONS>(operation: O) => IDENTITY_OPERATIONS[operation].args;

const startedOf = ({ principal }: StartedSession): z.input<typeof signedIn> => ({ principal });

export const SIGN_IN_ROUTES: readonly Route[] = [
  identityRoute('register', {
    method: 'POST', path: '/v1/register', tag: 'sign-in', limit: 'guess',
    summary: 'Make an account. The same answer whether or not the address has one.',
    access: { kind: 'public', why: 'who has no account has no session' },
    body: argsOf('register'),
    status: 202,
    args: ({ body }) => body as z.input<(typeof IDENTITY_OPERATIONS)['register']['args']>,
    tell: { schema: z.strictObject({}), pick: () => ({}) },
  }),
  identityRoute('sign-in', {
    method: 'POST', path: '/v1/sign-in', tag: 'sign-in', limit: 'guess',
    summary: 'Sign in with a password. With a second factor enrolled the answer is a challenge for /v1/sign-in/verify.',
    access: { kind: 'public', why: 'makes the session' },
    body: argsOf('sign-in'),
    args: ({ body }) => body as z.input<(typeof IDENTITY_OPERATIONS)['sign-in']['args']>,
    tell: {
      schema: z.union([signedIn, challengedSchema]),
      pick: (result) => ('token' in result ? startedOf(result) : result),
    },
    cookies: (reply, result) => {
      if ('token' in result) setSessionCookies(reply, result);
    },
  }),
  identityRoute('verify-mfa', {
    method: 'POST', path: '/v1/sign-in/verify', tag: 'sign-in', limit: 'guess',
    summary: 'Answer the challenge with a code of the authenticator, a backup code, or a passkey.',
    access: { kind: 'public', why: 'makes the session' },
    body: argsOf('verify-mfa'),
    args: ({ body }) => body as z.input<(typeof IDENTITY_OPERATIONS)['verify-mfa']['args']>,
    tell: { schema: signedIn, pick: startedOf },
    cookies: setSessionCookies,
  }),
  identityRoute('sign-out', {
    method: 'POST', path: '/v1/sign-out', tag: 'sign-in', limit: 'write',
    summary: 'End this session.',
    access: { kind: 'session' },
    args: () => ({}),
    cookies: clearSessionCookies,
  }),
];

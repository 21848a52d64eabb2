import type { PermissionId } from '@countersign/access';
import { IDENTITY_OPERATIONS, principalSchema, type StartedSession } from '@countersign/contracts';
import { z } from 'zod';
import { setSessionCookies } from '../http/cookies.js';
import { identityRoute } from './identity-route.js';
import type { Access, Route } from './route.js';

/** Second factors: passkeys, backup codes, and how those are helped who have lost theirs. */

type Operations = typeof IDENTITY_OPERATIONS;
const SESSION = { kind: 'session' } as const;
/** One's own; identity asks for the permission. */
const own = (asks: PermissionId): Access => ({ kind: 'session', asks });
const id = (what: string): z.ZodString => z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, `must be ${what}`);
const passkeyParams = z.strictObject({ passkeyId: id('a passkey id') });
const userParams = z.strictObject({ userId: id('a user id') });
const { name } = IDENTITY_OPERATIONS['passkey-rename'].args.shape;
const { reason } = IDENTITY_OPERATIONS['mfa-reset'].args.shape;

const tellAll = <O extends keyof Operations>(operation: O) => ({ schema: IDENTITY_OPERATIONS[operation].result, pick: (result: unknown) => result });

export const FACTOR_ROUTES: readonly Route[] = [
  identityRoute('passkey-ask', {
    method: 'GET', path: '/v1/sign-in/passkey', tag: 'sign-in', limit: 'guess',
    summary: 'What to ask a passkey for, to sign in without a password: navigator.credentials.get.',
    access: { kind: 'public', why: 'who signs in has no session' },
    args: () => ({}),
    tell: tellAll('passkey-ask'),
  }),
  identityRoute('passkey-sign-in', {
    method: 'POST', path: '/v1/sign-in/passkey', tag: 'sign-in', limit: 'guess',
    summary: 'Sign in by a passkey that has verified its user (PIN, fingerprint), without a password.',
    access: { kind: 'public', why: 'makes the session' },
    body: IDENTITY_OPERATIONS['passkey-sign-in'].args,
    args: ({ body }) => body as z.input<Operations['passkey-sign-in']['args']>,
    tell: { schema: z.strictObject({ principal: principalSchema }), pick: ({ principal }: StartedSession) => ({ principal }) },
    cookies: setSessionCookies,
  }),
  identityRoute('passkey-ask-own', {
    method: 'GET', path: '/v1/account/step-up/passkey', tag: 'account', limit: 'guess', access: SESSION,
    summary: 'What to ask a passkey of yours for, to prove again who you are.',
    args: () => ({}),
    tell: tellAll('passkey-ask-own'),
  }),
  identityRoute('passkey-enrol', {
    method: 'POST', path: '/v1/account/passkeys/begin', tag: 'account', limit: 'write', access: own('mfa.enroll'),
    summary: 'Begin with a passkey: what to ask the browser for, navigator.credentials.create. Good for five minutes and one answer.',
    answersSecret: true,
    args: () => ({}),
    tell: tellAll('passkey-enrol'),
  }),
  identityRoute('passkey-confirm', {
    method: 'POST', path: '/v1/account/passkeys', tag: 'account', limit: 'guess', access: own('mfa.enroll'),
    summary: 'Register the passkey. The first second factor comes with backup codes, shown this once.',
    answersSecret: true,
    status: 201,
    body: IDENTITY_OPERATIONS['passkey-confirm'].args,
    args: ({ body }) => body as z.input<Operations['passkey-confirm']['args']>,
    tell: tellAll('passkey-confirm'),
  }),
  identityRoute('passkey-list', {
    method: 'GET', path: '/v1/account/passkeys', tag: 'account', limit: 'read', access: own('user.read'),
    summary: 'Your passkeys.',
    args: () => ({}),
    tell: tellAll('passkey-list'),
  }),
  identityRoute('passkey-rename', {
    method: 'PATCH', path: '/v1/account/passkeys/:passkeyId', tag: 'account', limit: 'write', access: own('mfa.enroll'),
    summary: 'Call a passkey something else.',
    params: passkeyParams,
    body: z.strictObject({ name }),
    args: ({ params, body }) => ({ passkeyId: params['passkeyId']!, ...(body as { name: string }) }),
  }),
  identityRoute('passkey-remove', {
    method: 'DELETE', path: '/v1/account/passkeys/:passkeyId', tag: 'account', limit: 'write', access: own('mfa.remove'),
    summary: 'Remove a passkey; not the last factor of somebody whose role asks for one.',
    params: passkeyParams,
    args: ({ params }) => ({ passkeyId: params['passkeyId']! }),
  }),
  identityRoute('totp-remove', {
    method: 'DELETE', path: '/v1/account/totp', tag: 'account', limit: 'write', access: own('mfa.remove'),
    summary: 'Remove the authenticator; not the last factor of somebody whose role asks for one.',
    args: () => ({}),
  }),
  identityRoute('backup-codes-make', {
    method: 'POST', path: '/v1/account/backup-codes', tag: 'account', limit: 'write', access: own('mfa.enroll'),
    summary: 'Ten new backup codes, shown this once; the old ones are void.',
    answersSecret: true,
    status: 201,
    args: () => ({}),
    tell: tellAll('backup-codes-make'),
  }),
  identityRoute('phone-enrol', {
    method: 'POST', path: '/v1/account/phone', tag: 'account', limit: 'guess', access: own('mfa.enroll'),
    summary: 'Have a code sent to a telephone, where the operator has switched codes by SMS on.',
    body: IDENTITY_OPERATIONS['phone-enrol'].args,
    status: 202,
    args: ({ body }) => body as z.input<Operations['phone-enrol']['args']>,
    tell: tellAll('phone-enrol'),
  }),
  identityRoute('phone-confirm', {
    method: 'POST', path: '/v1/account/phone/confirm', tag: 'account', limit: 'guess', access: own('mfa.enroll'),
    summary: 'Show that the code has come: from now on one is asked for after the password.',
    body: IDENTITY_OPERATIONS['phone-confirm'].args,
    args: ({ body }) => body as z.input<Operations['phone-confirm']['args']>,
  }),
  identityRoute('phone-remove', {
    method: 'DELETE', path: '/v1/account/phone', tag: 'account', limit: 'write', access: own('mfa.remove'),
    summary: 'Have no more codes sent.',
    args: () => ({}),
  }),
  identityRoute('sms-send', {
    method: 'POST', path: '/v1/sign-in/sms', tag: 'sign-in', limit: 'guess',
    summary: 'Have a code sent for a sign-in that waits for one.',
    access: { kind: 'public', why: 'the challenge is the proof of the password' },
    body: IDENTITY_OPERATIONS['sms-send'].args,
    status: 202,
    args: ({ body }) => body as z.input<Operations['sms-send']['args']>,
    tell: tellAll('sms-send'),
  }),
  identityRoute('passkey-list', {
    method: 'GET', path: '/v1/admin/users/:userId/passkeys', tag: 'admin', limit: 'read',
    access: { kind: 'permission', permission: 'user.read', target: ({ userId }) => ({ userId: userId! }) },
    summary: "Somebody's passkeys.",
    params: userParams,
    args: ({ params }) => ({ userId: params['userId']! }),
    tell: tellAll('passkey-list'),
  }),
  identityRoute('mfa-reset', {
    method: 'POST', path: '/v1/admin/users/:userId/mfa/reset', tag: 'admin', limit: 'write',
    access: { kind: 'permission', permission: 'mfa.reset', target: ({ userId }) => ({ userId: userId! }) },
    summary: 'Remove all second factors of somebody who has lost them, and end all of their sessions.',
    params: userParams,
    body: z.strictObject({ reason }),
    args: ({ params, body }) => ({ userId: params['userId']!, ...(body as { reason: string }) }),
  }),
];

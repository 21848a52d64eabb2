import { z } from 'zod';
import { API_KEY_OPERATIONS } from './identity-api-keys.js';
import { EDGE_LEASE_MS, secretTokenSchema } from './identity.js';
import { CREDENTIAL_OPERATIONS } from './identity-credentials.js';
import { FACTOR_OPERATIONS } from './identity-factors.js';
import { ORGANIZATION_OPERATIONS } from './identity-organizations.js';
import { SMS_OPERATIONS } from './identity-sms.js';
import { passkeyAnswerSchema } from './identity-passkeys.js';
import { POLICY_OPERATIONS } from './identity-policies.js';
import { PRINCIPAL_OPERATIONS } from './identity-principals.js';
import {
  challengedSchema, code, email, FAILED, FAILED_CODE, heldRoleSchema, IDENTITY_DENIED_EVENT, NEW_PASSWORD, nothing, opaqueId, PAGE_MAX, password, personName, principalSchema, PROVED, reason, REPORTED_DENIALS, sessionViewSchema,
  startedSessionSchema, userViewSchema, type IdentityOperationContract,
} from './identity-shapes.js';

export {
  ASSURANCES, challengedSchema, FAULTS_OF_ALL, FAULTS_OF_SESSIONS, heldRoleSchema, IDENTITY_DENIED_EVENT, PAGE_MAX, PASSWORD_CHARS_MAX, PASSWORD_DUE, principalSchema, REPORTED_DENIALS, sessionViewSchema,
  startedSessionSchema, userViewSchema, type HeldRole, type IdentityOperationContract, type IdentityPrincipal, type ReportedDenial, type StartedSession, type UserView,
} from './identity-shapes.js';

/**
 * Operations of identity: arguments, results, the faults of each beside {@link FAULTS_OF_ALL}, and the events that it leaves.
 * Who changes something leaves an event: an operation either `emits` or `reads`.
 */

export const IDENTITY_OPERATIONS = {
  /** The first administrator; refused as soon as there is one. */
  'admin-create': {
    asker: 'operator', auth: 'none',
    args: z.strictObject({ email, name: personName, password }),
    result: z.strictObject({ userId: opaqueId }),
    faults: [...NEW_PASSWORD, 'ADMIN_EXISTS', 'EMAIL_TAKEN'],
    emits: ['identity.user.registered', 'identity.user.role-granted'],
  },
  /** The same answer whether or not the address has an account: who asks is not told who has one. */
  register: {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ email, name: personName, password }),
    result: nothing,
    faults: [...NEW_PASSWORD, 'REGISTRATION_CLOSED'],
    emits: ['identity.user.registered', 'identity.organization.member-joined', 'identity.registration.refused'],
  },
  'sign-in': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ email, password }),
    /** With a second factor enrolled: a challenge to be answered by `verify-mfa`. */
    result: z.union([startedSessionSchema, challengedSchema]),
    faults: ['SIGN_IN_REFUSED', 'ATTEMPTS_LOCKED', 'CONFLICT'],
    emits: ['identity.session.started', ...FAILED, 'identity.user.password-rehashed', 'identity.user.password-due', ...PROVED],
  },
  /** `code`: of the authenticator, or a backup code. */
  'verify-mfa': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ challenge: secretTokenSchema, code: code.optional(), passkey: passkeyAnswerSchema.optional() }).refine(
      (given) => (given.code === undefined) !== (given.passkey === undefined), { path: ['code'], message: 'must be a code, or else a passkey' },
    ),
    result: startedSessionSchema,
    faults: ['CHALLENGE_INVALID', 'CODE_REFUSED', 'CODE_REPLAYED', 'PASSKEY_REFUSED', 'ATTEMPTS_LOCKED', 'CONFLICT'],
    emits: ['identity.session.started', 'identity.user.backup-code-used', 'identity.user.passkey-suspected', ...FAILED_CODE, ...PROVED],
  },
  /** Who the session's token belongs to, and what he may do now. Renews the session at most once a day; puts on record that the password has grown too old. */
  'session-check': {
    asker: 'edge', auth: 'session', persons: true,
    args: nothing,
    result: principalSchema,
    faults: [],
    emits: ['identity.session.renewed', 'identity.user.password-due', ...PROVED],
  },
  'sign-out': { asker: 'edge', auth: 'session', persons: true, args: nothing, result: nothing, faults: [], emits: ['identity.session.ended'] },
  /** Proves again who it is: with the second factor when one is enrolled, else with the password. */
  'step-up': {
    asker: 'edge', auth: 'session', persons: true,
    args: z.union([z.strictObject({ code }), z.strictObject({ password }), z.strictObject({ passkey: passkeyAnswerSchema })]),
    result: principalSchema,
    faults: ['CODE_REFUSED', 'CODE_REPLAYED', 'PASSWORD_WRONG', 'PASSKEY_REFUSED', 'CHALLENGE_INVALID', 'ATTEMPTS_LOCKED'],
    emits: ['identity.session.stepped-up', 'identity.user.backup-code-used', 'identity.user.passkey-suspected', ...FAILED_CODE],
  },
  /** One's own, or those of `userId`. */
  'session-list': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId.optional() }),
    result: z.strictObject({ sessions: z.array(sessionViewSchema) }),
    faults: ['USER_UNKNOWN'],
    reads: true,
  },
  'session-revoke': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ sessionId: opaqueId }),
    result: nothing,
    faults: ['SESSION_UNKNOWN'],
    emits: ['identity.session.ended'],
  },
  /** One's own, or those of `userId`; `keepCurrent` spares the session that asks. */
  'session-revoke-all': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId.optional(), keepCurrent: z.boolean().default(false) }),
    result: z.strictObject({ revoked: z.number().int().nonnegative() }),
    faults: ['USER_UNKNOWN'],
    emits: ['identity.user.sessions-ended'],
  },
  /** A secret that is not in force before `confirm-totp` has shown that the authenticator has it. */
  'enrol-totp': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: z.strictObject({ secret: z.string(), uri: z.string() }),
    faults: ['TOTP_ENROLLED'],
    emits: ['identity.user.totp-begun'],
  },
  /** Backup codes are shown this once. */
  'confirm-totp': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ code }),
    result: z.strictObject({ backupCodes: z.array(z.string()), principal: principalSchema }),
    faults: ['TOTP_ENROLLED', 'TOTP_NOT_PENDING', 'CODE_REFUSED', 'CODE_REPLAYED', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.totp-enrolled', 'identity.session.stepped-up', ...FAILED_CODE],
  },
  /** Ends every other session. */
  'change-password': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ current: password, next: password }),
    result: nothing,
    faults: [...NEW_PASSWORD, 'PASSWORD_WRONG', 'PASSWORD_REUSED', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.password-changed', ...FAILED],
  },
  /** In the order of their ids. With `email` only the one whose address it is. */
  'user-list': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ after: opaqueId.optional(), email: email.optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) }),
    result: z.strictObject({ users: z.array(userViewSchema), next: opaqueId.optional() }),
    faults: [],
    reads: true,
  },
  'user-show': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId.optional() }),
    result: userViewSchema,
    faults: ['USER_UNKNOWN'],
    reads: true,
  },
  /** Ends all sessions of the user. */
  'user-disable': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId, reason }),
    result: nothing,
    faults: ['USER_UNKNOWN', 'LAST_ADMINISTRATOR'],
    emits: ['identity.user.disabled'],
  },
  'user-enable': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId }),
    result: nothing,
    faults: ['USER_UNKNOWN'],
    emits: ['identity.user.enabled'],
  },
  /** Lifts the locks that failed attempts have set on an account; those of networks end by themselves. */
  'user-unlock': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId }),
    result: nothing,
    faults: ['USER_UNKNOWN'],
    emits: ['identity.user.unlocked'],
  },
  'role-grant': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId, ...heldRoleSchema.shape }),
    result: nothing,
    faults: ['USER_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'MEMBER_UNKNOWN', 'GRANT_EXCEEDS_OWN', 'SUBJECT_RESTRICTED'],
    emits: ['identity.user.role-granted', 'identity.organization.member-role-granted'],
  },
  'role-revoke': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId, ...heldRoleSchema.shape }),
    result: nothing,
    faults: ['USER_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'ORGANIZATION_CLOSED', 'MEMBER_UNKNOWN', 'GRANT_EXCEEDS_OWN', 'LAST_ADMINISTRATOR', 'LAST_OWNER'],
    emits: ['identity.user.role-revoked', 'identity.organization.member-role-revoked'],
  },
  ...API_KEY_OPERATIONS,
  /** What the edge refused by itself, from what it knows of the session: on record like a denial of identity's own. */
  'report-denial': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ route: z.string().regex(/^[A-Z]{1,7} \/[\x21-\x7e]{0,200}$/, 'must be a method and the pattern of a path'), code: z.enum(REPORTED_DENIALS) }),
    result: nothing,
    faults: [],
    emits: [IDENTITY_DENIED_EVENT],
  },
  /**
   * Without `lease` a new one, and with it the duty to forget everything that was cached; with it the same for longer. It counts
   * from when the edge asked, by its own monotonic clock.
   */
  'edge-lease': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ edgeId: opaqueId, lease: opaqueId.optional() }),
    result: z.strictObject({ lease: opaqueId, ttlMs: z.literal(EDGE_LEASE_MS) }),
    faults: ['LEASE_LOST'],
    reads: true,
  },
  /** An edge that ends in order keeps no revocation waiting. */
  'edge-release': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ edgeId: opaqueId, lease: opaqueId }),
    result: nothing,
    faults: [],
    reads: true,
  },
  ...FACTOR_OPERATIONS,
  ...CREDENTIAL_OPERATIONS,
  ...SMS_OPERATIONS,
  ...ORGANIZATION_OPERATIONS,
  ...POLICY_OPERATIONS,
  ...PRINCIPAL_OPERATIONS,
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

export type IdentityOperation = keyof typeof IDENTITY_OPERATIONS;
export type IdentityArgs<O extends IdentityOperation> = z.output<(typeof IDENTITY_OPERATIONS)[O]['args']>;
export type IdentityArgsInput<O extends IdentityOperation> = z.input<(typeof IDENTITY_OPERATIONS)[O]['args']>;
export type IdentityResult<O extends IdentityOperation> = z.output<(typeof IDENTITY_OPERATIONS)[O]['result']>;

export const isIdentityOperation = (name: string): name is IdentityOperation => Object.hasOwn(IDENTITY_OPERATIONS, name);

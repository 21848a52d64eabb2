import { z } from 'zod';
import { EDGE_LEASE_MS, secretTokenSchema, type IdentityAsker, type IdentityFaultCode } from './identity.js';

/**
 * Operations of identity: arguments, results, the faults of each beside {@link FAULTS_OF_ALL}, and the events that it leaves.
 * Who changes something leaves an event: an operation either `emits` or `reads`.
 */

/** Code points. NIST SP 800-63B-4 §3.1.1.2 asks for at least 64 to be allowed; hashing a novel would serve an attacker. */
export const PASSWORD_CHARS_MAX = 256;
export const PAGE_MAX = 200;

const time = z.iso.datetime();
const opaqueId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -');
/** Looked up in lower case; RFC 5321 §4.5.3.1.3. */
const email = z.email().max(254).transform((text) => text.normalize('NFC').toLowerCase());
const noControls = (text: string): boolean => !/\p{Cc}/u.test(text);
const personName = z.string().trim().min(1).max(200).refine(noControls, 'must hold no control characters');
/** Length is judged by identity, which says what is wrong with it. */
const password = z.string().min(1).max(4 * PASSWORD_CHARS_MAX);
const code = z.string().trim().min(6).max(64);
const role = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be a role');
const organization = z.string().regex(/^[a-z0-9-]{1,63}$/, 'must be 1 to 63 of a-z, 0-9 and hyphen');
const reason = z.string().trim().min(1).max(256).refine(noControls, 'must hold no control characters');
const nothing = z.strictObject({});

export const ASSURANCES = ['password', 'mfa'] as const;

/** A role, on the platform or in one organisation. */
export const heldRoleSchema = z.strictObject({ role, organization: organization.optional() });
export type HeldRole = z.output<typeof heldRoleSchema>;

/** Somebody whose session was checked: what libs/access decides on, and what a page shows. */
export const principalSchema = z.strictObject({
  kind: z.literal('person'),
  userId: opaqueId,
  sessionId: opaqueId,
  /** In which the session acts; absent: on the platform only. */
  organization: organization.optional(),
  roles: z.array(heldRoleSchema),
  /** What he may do there, a set of libs/access, encoded. */
  permissions: z.string(),
  mfa: z.strictObject({ needed: z.boolean(), enrolled: z.boolean() }),
  /** How he proved who he is, and when last. It decays: sensitive actions ask for a fresh one. */
  assurance: z.strictObject({ level: z.enum(ASSURANCES), at: time }),
  expiresAt: time,
});
export type IdentityPrincipal = z.output<typeof principalSchema>;

export const startedSessionSchema = z.strictObject({
  /** For the cookie; identity keeps only its hash. */
  token: secretTokenSchema,
  /** For the cookie that makes this device known; absent when it is already. */
  device: secretTokenSchema.optional(),
  principal: principalSchema,
});
export type StartedSession = z.output<typeof startedSessionSchema>;

export const sessionViewSchema = z.strictObject({
  sessionId: opaqueId,
  startedAt: time,
  seenAt: time,
  expiresAt: time,
  /** Of the sign-in; absent when their subject was erased. */
  ip: z.string().optional(),
  userAgent: z.string().optional(),
  isCurrent: z.boolean(),
});

export const userViewSchema = z.strictObject({
  userId: opaqueId,
  /** Absent when their subject was erased. */
  email: z.string().optional(),
  name: z.string().optional(),
  /** That keeps the account. */
  organization: organization.optional(),
  state: z.enum(['active', 'disabled']),
  isMfaEnrolled: z.boolean(),
  roles: z.array(heldRoleSchema),
  createdAt: time,
});
export type UserView = z.output<typeof userViewSchema>;

export interface IdentityOperationContract {
  readonly asker: IdentityAsker;
  /** `session`: of the context's token. */
  readonly auth: 'none' | 'session';
  readonly args: z.ZodType;
  readonly result: z.ZodType;
  readonly faults: readonly IdentityFaultCode[];
  readonly emits?: readonly string[];
  readonly reads?: true;
}

/** What any operation may be refused with; those with `auth: 'session'` also with {@link FAULTS_OF_SESSIONS}. */
export const FAULTS_OF_ALL = ['REQUEST_MALFORMED', 'IDENTITY_OVERLOADED', 'IDENTITY_UNAVAILABLE', 'IDENTITY_INTERNAL'] as const;

export const FAULTS_OF_SESSIONS = ['UNAUTHENTICATED', 'FORBIDDEN', 'TARGET_OUTRANKS', 'MFA_ENROLLMENT_REQUIRED', 'STEP_UP_REQUIRED', 'CONFLICT'] as const;

/** What any operation leaves that somebody asked for without the right to it. */
export const IDENTITY_DENIED_EVENT = 'identity.request.denied';

const NEW_PASSWORD = ['PASSWORD_TOO_SHORT', 'PASSWORD_TOO_LONG', 'PASSWORD_NOT_TEXT', 'PASSWORD_GUESSABLE', 'PASSWORD_LEAKED'] as const;
const FAILED = ['identity.sign-in.failed', 'identity.sign-in.locked'] as const;

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
    emits: ['identity.user.registered', 'identity.user.role-granted', 'identity.registration.refused'],
  },
  'sign-in': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ email, password }),
    /** With a second factor enrolled: a challenge to be answered by `verify-mfa`. */
    result: z.union([startedSessionSchema, z.strictObject({ challenge: secretTokenSchema, expiresAt: time })]),
    faults: ['SIGN_IN_REFUSED', 'ATTEMPTS_LOCKED', 'CONFLICT'],
    emits: ['identity.session.started', ...FAILED, 'identity.user.password-rehashed'],
  },
  /** `code`: of the authenticator, or a backup code. */
  'verify-mfa': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ challenge: secretTokenSchema, code }),
    result: startedSessionSchema,
    faults: ['CHALLENGE_INVALID', 'CODE_REFUSED', 'ATTEMPTS_LOCKED', 'CONFLICT'],
    emits: ['identity.session.started', 'identity.user.backup-code-used', ...FAILED],
  },
  /** Who the session's token belongs to, and what he may do now. Renews the session at most once a day. */
  'session-check': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: principalSchema,
    faults: [],
    emits: ['identity.session.renewed'],
  },
  'sign-out': { asker: 'edge', auth: 'session', args: nothing, result: nothing, faults: [], emits: ['identity.session.ended'] },
  /** Proves again who it is: with the second factor when one is enrolled, else with the password. */
  'step-up': {
    asker: 'edge', auth: 'session',
    args: z.union([z.strictObject({ code }), z.strictObject({ password })]),
    result: principalSchema,
    faults: ['CODE_REFUSED', 'PASSWORD_WRONG', 'ATTEMPTS_LOCKED'],
    emits: ['identity.session.stepped-up', 'identity.user.backup-code-used', ...FAILED],
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
    faults: ['TOTP_ENROLLED', 'TOTP_NOT_PENDING', 'CODE_REFUSED', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.totp-enrolled', 'identity.session.stepped-up', ...FAILED],
  },
  /** Ends every other session. */
  'change-password': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ current: password, next: password }),
    result: nothing,
    faults: [...NEW_PASSWORD, 'PASSWORD_WRONG', 'PASSWORD_REUSED', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.password-changed', ...FAILED],
  },
  'user-list': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ after: opaqueId.optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) }),
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
    faults: ['USER_UNKNOWN', 'ROLE_UNKNOWN', 'ORGANIZATION_UNKNOWN', 'GRANT_EXCEEDS_OWN'],
    emits: ['identity.user.role-granted'],
  },
  'role-revoke': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId, ...heldRoleSchema.shape }),
    result: nothing,
    faults: ['USER_UNKNOWN', 'ROLE_UNKNOWN', 'GRANT_EXCEEDS_OWN', 'LAST_ADMINISTRATOR'],
    emits: ['identity.user.role-revoked'],
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
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

export type IdentityOperation = keyof typeof IDENTITY_OPERATIONS;
export type IdentityArgs<O extends IdentityOperation> = z.output<(typeof IDENTITY_OPERATIONS)[O]['args']>;
export type IdentityArgsInput<O extends IdentityOperation> = z.input<(typeof IDENTITY_OPERATIONS)[O]['args']>;
export type IdentityResult<O extends IdentityOperation> = z.output<(typeof IDENTITY_OPERATIONS)[O]['result']>;

export const isIdentityOperation = (name: string): name is IdentityOperation => Object.hasOwn(IDENTITY_OPERATIONS, name);

import { z } from 'zod';
import { passkeyRequestSchema } from './identity-passkeys.js';
import { secretTokenSchema, type IdentityAsker, type IdentityFaultCode } from './identity.js';

/** What arguments and results of identity's operations are made of. */

/** Code points. NIST SP 800-63B-4 §3.1.1.2 asks for at least 64 to be allowed; hashing a novel would serve an attacker. */
export const PASSWORD_CHARS_MAX = 256;
export const PAGE_MAX = 200;

export const time = z.iso.datetime();
export const opaqueId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -');
/** Looked up in lower case; RFC 5321 §4.5.3.1.3. */
export const email = z.email().max(254).transform((text) => text.normalize('NFC').toLowerCase());
export const noControls = (text: string): boolean => !/\p{Cc}/u.test(text);
/** BCP 47, the common part of it: `de`, `pt-BR`, `zh-Hant-TW`. */
export const locale = z.string().regex(/^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?$/, 'must be a language tag such as de or pt-BR');
export const personName = z.string().trim().min(1).max(200).refine(noControls, 'must hold no control characters');
/** Length is judged by identity, which says what is wrong with it. */
export const password = z.string().min(1).max(4 * PASSWORD_CHARS_MAX);
export const code = z.string().trim().min(6).max(64);
export const role = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be a role');
export const organization = z.string().regex(/^[a-z0-9-]{1,63}$/, 'must be 1 to 63 of a-z, 0-9 and hyphen');
export const reason = z.string().trim().min(1).max(256).refine(noControls, 'must hold no control characters');
export const nothing = z.strictObject({});

export const PASSWORD_DUE = ['leaked', 'age'] as const;
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
  /** Nothing else is done before the password is changed: it was found stolen, or is too old. */
  passwordDue: z.enum(PASSWORD_DUE).optional(),
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

/** What may follow the password. */
export const FACTORS = ['totp', 'passkey', 'backup-code', 'sms'] as const;

/** To be answered by one of the factors; `passkey` is what a browser's `navigator.credentials.get` is asked, if there is any. */
export const challengedSchema = z.strictObject({ challenge: secretTokenSchema, expiresAt: time, factors: z.array(z.enum(FACTORS)), passkey: passkeyRequestSchema.optional() });

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
  /** Absent when their subject was erased; and, for others, while he is restricted. */
  email: z.string().optional(),
  name: z.string().optional(),
  /** He has demanded that what is about him be kept and not used. */
  isRestricted: z.literal(true).optional(),
  /** BCP 47. */
  locale: z.string().optional(),
  /** That keeps the account. */
  organization: organization.optional(),
  state: z.enum(['active', 'disabled', 'erased']),
  isMfaEnrolled: z.boolean(),
  roles: z.array(heldRoleSchema),
  createdAt: time,
});
export type UserView = z.output<typeof userViewSchema>;

export interface IdentityOperationContract {
  readonly asker: IdentityAsker;
  /** `session`: of the context's token, or of its API key; `key`: of an API key alone. */
  readonly auth: 'none' | 'session' | 'key';
  /** A session is what it is about: no API key does it. */
  readonly persons?: true;
  readonly args: z.ZodType;
  readonly result: z.ZodType;
  readonly faults: readonly IdentityFaultCode[];
  readonly emits?: readonly string[];
  readonly reads?: true;
}

/** What any operation may be refused with; those with `auth: 'session'` also with {@link FAULTS_OF_SESSIONS}. */
export const FAULTS_OF_ALL = ['REQUEST_MALFORMED', 'IDENTITY_OVERLOADED', 'IDENTITY_UNAVAILABLE', 'IDENTITY_INTERNAL'] as const;

export const FAULTS_OF_SESSIONS = ['UNAUTHENTICATED', 'FORBIDDEN', 'TARGET_OUTRANKS', 'MFA_ENROLLMENT_REQUIRED', 'STEP_UP_REQUIRED', 'PASSWORD_CHANGE_REQUIRED', 'CONFLICT'] as const;

/** What any operation leaves that somebody asked for without the right to it. */
export const IDENTITY_DENIED_EVENT = 'identity.request.denied';

/** Of the edge's own refusals those that show an attempt, and not a mistake. */
export const REPORTED_DENIALS = ['FORBIDDEN', 'TARGET_OUTRANKS', 'GRANT_EXCEEDS_OWN', 'ORIGIN_FORBIDDEN', 'CSRF_TOKEN_INVALID'] as const;
export type ReportedDenial = (typeof REPORTED_DENIALS)[number];

export const NEW_PASSWORD = ['PASSWORD_TOO_SHORT', 'PASSWORD_TOO_LONG', 'PASSWORD_NOT_TEXT', 'PASSWORD_GUESSABLE', 'PASSWORD_LEAKED'] as const;
export const FAILED = ['identity.sign-in.failed', 'identity.sign-in.locked'] as const;
/** Where codes are asked for. */
export const FAILED_CODE = [...FAILED, 'identity.user.totp-replayed', 'identity.user.backup-code-reused'] as const;
/** What a proof of who one is brings back. */
export const PROVED = ['identity.user.api-keys-resumed'] as const;

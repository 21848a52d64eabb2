import { z } from 'zod';
import { passkeyAnswerSchema, passkeyCreationSchema, passkeyMadeSchema, passkeyRequestSchema } from './identity-passkeys.js';
import { FAILED, noControls, nothing, opaqueId, principalSchema, PROVED, reason, startedSessionSchema, time, type IdentityOperationContract } from './identity-shapes.js';

/** Second factors: passkeys, backup codes, and what becomes of them. */

/** What its owner calls it. */
const passkeyName = z.string().trim().min(1).max(64).refine(noControls, 'must hold no control characters');

export const passkeyViewSchema = z.strictObject({
  passkeyId: opaqueId,
  /** Absent when its subject was erased. */
  name: z.string().optional(),
  createdAt: time,
  usedAt: time.optional(),
  /** Kept by a provider that copies it between devices (WebAuthn L3 §6.1.3). */
  isSynced: z.boolean(),
});
export type PasskeyView = z.output<typeof passkeyViewSchema>;

export const FACTOR_OPERATIONS = {
  /** What the browser is asked to make a passkey for. Good for five minutes and one answer. */
  'passkey-enrol': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: passkeyCreationSchema,
    faults: ['PASSKEYS_TOO_MANY'],
    emits: ['identity.user.passkey-begun'],
  },
  /** The first factor of an account comes with backup codes, shown this once, and raises the session. */
  'passkey-confirm': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ name: passkeyName, passkey: passkeyMadeSchema }),
    result: z.strictObject({ passkeyId: opaqueId, backupCodes: z.array(z.string()).optional(), principal: principalSchema }),
    faults: ['CHALLENGE_INVALID', 'PASSKEY_REFUSED', 'PASSKEY_KNOWN', 'PASSKEYS_TOO_MANY'],
    emits: ['identity.user.passkey-added', 'identity.session.stepped-up'],
  },
  /** One's own, or those of `userId`. */
  'passkey-list': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId.optional() }),
    result: z.strictObject({ passkeys: z.array(passkeyViewSchema) }),
    faults: ['USER_UNKNOWN'],
    reads: true,
  },
  'passkey-rename': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ passkeyId: opaqueId, name: passkeyName }),
    result: nothing,
    faults: ['PASSKEY_UNKNOWN'],
    emits: ['identity.user.passkey-renamed'],
  },
  /** Backup codes go with the last factor. */
  'passkey-remove': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ passkeyId: opaqueId }),
    result: nothing,
    faults: ['PASSKEY_UNKNOWN', 'LAST_FACTOR'],
    emits: ['identity.user.passkey-removed'],
  },
  'totp-remove': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: nothing,
    faults: ['TOTP_NOT_ENROLLED', 'LAST_FACTOR'],
    emits: ['identity.user.totp-removed'],
  },
  /** Ten new ones; the old ones are void. */
  'backup-codes-make': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: z.strictObject({ backupCodes: z.array(z.string()) }),
    faults: ['MFA_NOT_ENROLLED'],
    emits: ['identity.user.backup-codes-made'],
  },
  /** For signing in without a password. Nothing that lasts is changed. */
  'passkey-ask': {
    asker: 'edge', auth: 'none',
    args: nothing,
    result: passkeyRequestSchema,
    faults: [],
    reads: true,
  },
  /** By a passkey alone, which has verified its user: possession and PIN or fingerprint are two factors. */
  'passkey-sign-in': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ passkey: passkeyAnswerSchema }),
    result: startedSessionSchema,
    faults: ['CHALLENGE_INVALID', 'PASSKEY_REFUSED', 'ATTEMPTS_LOCKED', 'CONFLICT'],
    emits: ['identity.session.started', 'identity.user.passkey-suspected', ...FAILED, ...PROVED],
  },
  /** For `step-up`. */
  'passkey-ask-own': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: passkeyRequestSchema,
    faults: ['MFA_NOT_ENROLLED'],
    reads: true,
  },
  /** Removes all second factors of somebody who has lost them, and ends all sessions. */
  'mfa-reset': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId, reason }),
    result: nothing,
    faults: ['USER_UNKNOWN'],
    emits: ['identity.user.mfa-reset'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

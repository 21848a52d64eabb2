import { z } from 'zod';
import { secretTokenSchema } from './identity.js';
import { email, locale, NEW_PASSWORD, nothing, opaqueId, password, personName, time, type IdentityOperationContract } from './identity-shapes.js';

/** Accounts by links that are good once, and what their owners say of themselves. */

export const profileChangeSchema = z.strictObject({ name: personName.optional(), locale: locale.optional() });

export const CREDENTIAL_OPERATIONS = {
  /** A link by which the first administrator is made; a new one voids the one before. */
  'setup-link': {
    asker: 'operator', auth: 'none',
    args: nothing,
    result: z.strictObject({ url: z.url(), token: secretTokenSchema, expiresAt: time }),
    faults: ['ADMIN_EXISTS'],
    emits: ['identity.setup.link-made'],
  },
  /** What `admin-create` does, by whoever has the link. */
  setup: {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ token: secretTokenSchema, email, name: personName, password }),
    result: z.strictObject({ userId: opaqueId }),
    faults: [...NEW_PASSWORD, 'LINK_INVALID', 'ADMIN_EXISTS', 'EMAIL_TAKEN'],
    emits: ['identity.user.registered', 'identity.user.role-granted'],
  },
  /** The same answer, after the same time, whether or not the address has an account. */
  'password-reset-ask': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ email }),
    result: nothing,
    faults: ['ATTEMPTS_LOCKED'],
    emits: ['identity.user.password-reset-asked', 'identity.password-reset.refused'],
  },
  /** Ends all sessions, and begins none: a second factor is asked for as ever. */
  'password-reset': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ token: secretTokenSchema, password }),
    result: nothing,
    faults: [...NEW_PASSWORD, 'PASSWORD_REUSED', 'LINK_INVALID', 'CONFLICT'],
    emits: ['identity.user.password-reset'],
  },
  /** One's own, or those of `userId`; what is absent stays. */
  'profile-change': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId.optional(), ...profileChangeSchema.shape }),
    result: nothing,
    faults: ['USER_UNKNOWN', 'SUBJECT_RESTRICTED'],
    emits: ['identity.user.profile-changed'],
  },
  /** Mails a link to the new address. Whether somebody has it is told to whoever reads its mail. */
  'email-change-ask': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ email }),
    result: nothing,
    faults: ['ATTEMPTS_LOCKED'],
    emits: ['identity.user.email-change-asked'],
  },
  'email-change': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ token: secretTokenSchema }),
    result: nothing,
    faults: ['LINK_INVALID', 'EMAIL_TAKEN', 'CONFLICT'],
    emits: ['identity.user.email-changed'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

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
  /** One's own, or those of `userId`; what is absent stays. */
  'profile-change': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ userId: opaqueId.optional(), ...profileChangeSchema.shape }),
    result: nothing,
    faults: ['USER_UNKNOWN'],
    emits: ['identity.user.profile-changed'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

import { z } from 'zod';
import { secretTokenSchema } from './identity.js';
import { FAILED, nothing, time, type IdentityOperationContract } from './identity-shapes.js';

/** Codes by SMS, where the operator has switched them on: one more step after the password, and no second factor (ADR 0026). */

/** E.164. */
const phone = z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a number with its country, such as +41790000000');
export const smsCode = z.string().trim().regex(/^\d{6}$/, 'must be six digits');

export const SMS_OPERATIONS = {
  /** Sends a code to it; codes to nobody who holds a role that needs a second factor. */
  'phone-enrol': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ phone }),
    result: z.strictObject({ expiresAt: time }),
    faults: ['SMS_OFF', 'SMS_FORBIDDEN', 'SMS_UNSENT', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.phone-begun'],
  },
  'phone-confirm': {
    asker: 'edge', auth: 'session',
    args: z.strictObject({ code: smsCode }),
    result: nothing,
    faults: ['PHONE_NOT_ENROLLED', 'SMS_FORBIDDEN', 'CODE_REFUSED', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.phone-enrolled', ...FAILED],
  },
  'phone-remove': {
    asker: 'edge', auth: 'session',
    args: nothing,
    result: nothing,
    faults: ['PHONE_NOT_ENROLLED'],
    emits: ['identity.user.phone-removed'],
  },
  /** For a sign-in that waits: `factors` of its challenge names `sms`. */
  'sms-send': {
    asker: 'edge', auth: 'none',
    args: z.strictObject({ challenge: secretTokenSchema }),
    result: z.strictObject({ expiresAt: time }),
    faults: ['CHALLENGE_INVALID', 'SMS_OFF', 'SMS_UNSENT', 'ATTEMPTS_LOCKED'],
    emits: ['identity.user.sms-sent'],
  },
} as const satisfies Readonly<Record<string, IdentityOperationContract>>;

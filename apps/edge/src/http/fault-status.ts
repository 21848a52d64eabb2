import type { IdentityClientErrorCode } from '@countersign/identity-client';
import type { EdgeFaultCode } from './edge-fault.js';

/** Codes that an answer of this API may carry, beside those of the ledger's read API, which pass as they are. */
export type ProblemCode = EdgeFaultCode | IdentityClientErrorCode;

/** What every fault means in HTTP. A new code does not compile until it stands here. */
const STATUS: Readonly<Record<ProblemCode, number>> = {
  // the request as such
  REQUEST_INVALID: 400,
  REQUEST_MALFORMED: 400,
  ROUTE_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  URL_TOO_LONG: 414,
  HEADERS_TOO_LARGE: 431,
  HTTP_MALFORMED: 400,
  REQUEST_TIMED_OUT: 408,
  BODY_TOO_LARGE: 413,
  BODY_MALFORMED: 400,
  BODY_TOO_DEEP: 400,
  MEDIA_TYPE_UNSUPPORTED: 415,
  ORIGIN_FORBIDDEN: 403,
  CSRF_TOKEN_INVALID: 403,
  RATE_LIMITED: 429,
  IDEMPOTENCY_KEY_MALFORMED: 400,
  IDEMPOTENCY_KEY_REUSED: 422,
  IDEMPOTENCY_IN_PROGRESS: 409,
  IDEMPOTENCY_ANSWER_NOT_KEPT: 409,
  IDEMPOTENCY_UNAVAILABLE: 503,
  // who asks, and what he may
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  TARGET_OUTRANKS: 403,
  MFA_ENROLLMENT_REQUIRED: 403,
  STEP_UP_REQUIRED: 403,
  SIGN_IN_REFUSED: 401,
  ATTEMPTS_LOCKED: 429,
  CHALLENGE_INVALID: 401,
  CODE_REFUSED: 403,
  PASSWORD_WRONG: 403,
  PASSWORD_CHANGE_REQUIRED: 403,
  LINK_INVALID: 403,
  REGISTRATION_CLOSED: 403,
  GRANT_EXCEEDS_OWN: 403,
  // what is asked for
  PASSWORD_TOO_SHORT: 422,
  PASSWORD_TOO_LONG: 422,
  PASSWORD_LEAKED: 422,
  PASSWORD_REUSED: 422,
  PASSWORD_GUESSABLE: 422,
  PASSWORD_NOT_TEXT: 422,
  EMAIL_TAKEN: 409,
  ADMIN_EXISTS: 409,
  LAST_ADMINISTRATOR: 409,
  TOTP_ENROLLED: 409,
  TOTP_NOT_ENROLLED: 409,
  TOTP_NOT_PENDING: 409,
  MFA_NOT_ENROLLED: 409,
  LAST_FACTOR: 409,
  PASSKEY_REFUSED: 403,
  PASSKEY_UNKNOWN: 404,
  PASSKEY_KNOWN: 409,
  PASSKEYS_TOO_MANY: 422,
  CONFLICT: 409,
  USER_UNKNOWN: 404,
  SESSION_UNKNOWN: 404,
  ROLE_UNKNOWN: 404,
  ORGANIZATION_UNKNOWN: 404,
  // what stands behind
  LEASE_LOST: 503,
  IDENTITY_OVERLOADED: 429,
  IDENTITY_UNAVAILABLE: 503,
  IDENTITY_INTERNAL: 500,
  IDENTITY_REPLY_INVALID: 500,
  LEDGER_UNAVAILABLE: 503,
  TOOK_TOO_LONG: 503,
  INTERNAL: 500,
};

/** Seconds after which the same request may succeed, where the fault itself does not say. */
const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, number>> = {
  IDENTITY_OVERLOADED: 1,
  IDENTITY_UNAVAILABLE: 2,
  LEDGER_UNAVAILABLE: 2,
  LEASE_LOST: 1,
  TOOK_TOO_LONG: 5,
  IDEMPOTENCY_IN_PROGRESS: 1,
  IDEMPOTENCY_UNAVAILABLE: 2,
};

export const statusOf = (code: ProblemCode): number => STATUS[code];
export const retryAfterSeconds = (code: ProblemCode): number | undefined => RETRY_AFTER_SECONDS[code];
export const PROBLEM_CODES = Object.keys(STATUS) as readonly ProblemCode[];

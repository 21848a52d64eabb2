import { z } from 'zod';

/** How the edge and operators ask identity, and what an edge must know of revocations (docs/spec/identity-api.md). */

export const IDENTITY_QUEUE_GROUP = 'identity';
export const IDENTITY_REQUEST_BYTES_MAX = 64 * 1024;

/** Who may ask: the bus lets each publish below its own name only. */
export const IDENTITY_ASKERS = ['edge', 'operator', 'retention'] as const;
export type IdentityAsker = (typeof IDENTITY_ASKERS)[number];

/** `identity.<operation>.<asker>`. */
export const identitySubject = (operation: string, asker: IdentityAsker): string => `identity.${operation}.${asker}`;

/** Everything that identity publishes to edges unasked. */
export const IDENTITY_REVOKED_SUBJECT = 'identity-revoked';
/** Where an edge tells the instance which waits for it that a revocation is in force: `identity-acked.<instance>`. */
export const identityAckedSubject = (instance: string): string => `identity-acked.${instance}`;

/**
 * Why identity refuses.
 * - REQUEST_MALFORMED: about the request as such; `field` names what is wrong
 * - UNAUTHENTICATED: there is no session, or it has ended
 * - FORBIDDEN: the permission is missing, or held over less than this
 * - TARGET_OUTRANKS: the other holds what one does not hold oneself
 * - GRANT_EXCEEDS_OWN: nobody grants, or takes, what he does not hold
 * - MFA_ENROLLMENT_REQUIRED: roles that need a second factor do not act before it is enrolled
 * - STEP_UP_REQUIRED: who it is must be proved anew, with the second factor where there is one
 * - SIGN_IN_REFUSED: no such account, disabled, or wrong password: nobody is told which
 * - ATTEMPTS_LOCKED: too many failures; `retryAfterMs`
 * - CHALLENGE_INVALID: the sign-in was begun too long ago, finished, or never
 * - CODE_REFUSED: a wrong code
 * - CODE_REPLAYED: a code that was right, and was used before
 * - PASSWORD_WRONG: the current password is another one
 * - PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_NOT_TEXT, PASSWORD_GUESSABLE, PASSWORD_LEAKED, PASSWORD_REUSED: about a new password
 * - PASSWORD_CHANGE_REQUIRED: the password was found stolen, or is too old: nothing else is done before it is changed
 * - LINK_INVALID: a link that was used, is too old, was voided by a later one, or never was
 * - REGISTRATION_CLOSED: only administrators make accounts
 * - EMAIL_TAKEN: told to administrators and operators only
 * - ADMIN_EXISTS: the first administrator is there
 * - USER_UNKNOWN, SESSION_UNKNOWN, ROLE_UNKNOWN, ORGANIZATION_UNKNOWN
 * - SUBJECT_RESTRICTED: its subject has demanded that it be kept and not used
 * - ORGANIZATION_TAKEN: there is such an organisation, or its name is a ledger of the installation itself
 * - ORGANIZATION_CLOSED: nobody acts in it any more
 * - MEMBER_UNKNOWN, ALREADY_MEMBER: of this organisation
 * - LAST_OWNER: the organisation would be left without one
 * - INVITATION_UNKNOWN, INVITATION_USED, INVITATION_REVOKED, INVITATION_EXPIRED
 * - INVITATION_OTHER_ADDRESS: it is for another address than that of the account
 * - INVITATION_NEEDS_SIGN_IN: its address has an account, which joins when its owner is signed in
 * - EMAIL_DOMAIN_FORBIDDEN: policy invites other domains only
 * - ROLE_TAKEN, ROLES_TOO_MANY, ROLE_IN_USE, ROLE_GRANTS_INVALID: about roles of an organisation's own
 * - LAST_ADMINISTRATOR: without this one nobody could administer
 * - TOTP_ENROLLED, TOTP_NOT_ENROLLED, TOTP_NOT_PENDING
 * - MFA_NOT_ENROLLED: there is no second factor
 * - LAST_FACTOR: a role that is held, or a policy, asks for one
 * - PASSKEY_REFUSED: the answer does not prove what it should; the message says at what it failed
 * - PHONE_NOT_ENROLLED: there is no telephone, or it has not been confirmed
 * - SMS_OFF: no codes go by SMS, here or to this account
 * - SMS_FORBIDDEN: never to whoever holds a role that asks for a second factor
 * - SMS_UNSENT: the operator's provider did not take the message; `retryAfterMs`
 * - PASSKEY_UNKNOWN, PASSKEY_KNOWN, PASSKEYS_TOO_MANY
 * - API_KEY_REFUSED: there is no such key
 * - API_KEY_REVOKED: it was revoked, or whoever it belongs to, or made it, was disabled
 * - API_KEY_SUSPENDED: its owner has to sign in first, or to change his password
 * - API_KEY_EXPIRED, API_KEY_UNKNOWN (an id), API_KEYS_TOO_MANY: `API_KEYS_MAX` of one owner
 * - PERMISSION_NOT_GRANTABLE: no such permission, not in this scope, or for persons alone
 * - SERVICE_ACCOUNT_UNKNOWN, SERVICE_ACCOUNT_DISABLED, SERVICE_ACCOUNT_NAME_TAKEN, SERVICE_ACCOUNTS_TOO_MANY
 * - LEASE_LOST: the edge was too late; everything that it has cached is void
 * - COMMAND_DONE: it was carried out under this command id, and its answer was told once
 * - CONFLICT: somebody else changed the same thing; ask again
 * - IDENTITY_OVERLOADED: too much at once; `retryAfterMs`
 * - IDENTITY_UNAVAILABLE: something that identity needs does not answer
 * - IDENTITY_INTERNAL: a failure of the service, told in its log
 */
export const IDENTITY_FAULT_CODES = [
  'REQUEST_MALFORMED',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'TARGET_OUTRANKS',
  'GRANT_EXCEEDS_OWN',
  'MFA_ENROLLMENT_REQUIRED',
  'STEP_UP_REQUIRED',
  'SIGN_IN_REFUSED',
  'ATTEMPTS_LOCKED',
  'CHALLENGE_INVALID',
  'CODE_REFUSED',
  'CODE_REPLAYED',
  'PASSWORD_WRONG',
  'PASSWORD_TOO_SHORT',
  'PASSWORD_TOO_LONG',
  'PASSWORD_NOT_TEXT',
  'PASSWORD_GUESSABLE',
  'PASSWORD_LEAKED',
  'PASSWORD_REUSED',
  'PASSWORD_CHANGE_REQUIRED',
  'LINK_INVALID',
  'REGISTRATION_CLOSED',
  'EMAIL_TAKEN',
  'ADMIN_EXISTS',
  'USER_UNKNOWN',
  'SUBJECT_RESTRICTED',
  'SESSION_UNKNOWN',
  'ROLE_UNKNOWN',
  'ORGANIZATION_UNKNOWN',
  'ORGANIZATION_TAKEN',
  'ORGANIZATION_CLOSED',
  'MEMBER_UNKNOWN',
  'ALREADY_MEMBER',
  'LAST_OWNER',
  'INVITATION_UNKNOWN',
  'INVITATION_USED',
  'INVITATION_REVOKED',
  'INVITATION_EXPIRED',
  'INVITATION_OTHER_ADDRESS',
  'INVITATION_NEEDS_SIGN_IN',
  'EMAIL_DOMAIN_FORBIDDEN',
  'ROLE_TAKEN',
  'ROLES_TOO_MANY',
  'ROLE_IN_USE',
  'ROLE_GRANTS_INVALID',
  'LAST_ADMINISTRATOR',
  'TOTP_ENROLLED',
  'TOTP_NOT_ENROLLED',
  'TOTP_NOT_PENDING',
  'MFA_NOT_ENROLLED',
  'LAST_FACTOR',
  'PHONE_NOT_ENROLLED',
  'SMS_OFF',
  'SMS_FORBIDDEN',
  'SMS_UNSENT',
  'PASSKEY_REFUSED',
  'PASSKEY_UNKNOWN',
  'PASSKEY_KNOWN',
  'PASSKEYS_TOO_MANY',
  'API_KEY_REFUSED',
  'API_KEY_REVOKED',
  'API_KEY_EXPIRED',
  'API_KEY_SUSPENDED',
  'API_KEY_UNKNOWN',
  'API_KEYS_TOO_MANY',
  'PERMISSION_NOT_GRANTABLE',
  'SERVICE_ACCOUNT_UNKNOWN',
  'SERVICE_ACCOUNT_DISABLED',
  'SERVICE_ACCOUNT_NAME_TAKEN',
  'SERVICE_ACCOUNTS_TOO_MANY',
  'LEASE_LOST',
  'COMMAND_DONE',
  'CONFLICT',
  'IDENTITY_OVERLOADED',
  'IDENTITY_UNAVAILABLE',
  'IDENTITY_INTERNAL',
] as const;
export type IdentityFaultCode = (typeof IDENTITY_FAULT_CODES)[number];

/** 32 random bytes, base64url. */
export const secretTokenSchema = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'must be 32 bytes in base64url');
/** SHA-256, base64url. */
export const digestSchema = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'must be a digest of 32 bytes in base64url');
/** An API key as it is shown; whether its checksum is right is judged by libs/credentials. */
export const apiKeyTextSchema = z.string().regex(/^csk_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/, 'must be an API key');
export const correlationIdSchema = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, 'must be 1 to 128 of A-Z, a-z, 0-9, dot, _ and -');

/** Where a request came from. The edge vouches for it: nobody else reaches identity. */
export const requestContextSchema = z.strictObject({
  ip: z.union([z.ipv4(), z.ipv6()]),
  /** Cut by the edge. */
  userAgent: z.string().max(512),
  correlationId: correlationIdSchema,
  /** Of the session's cookie. */
  session: secretTokenSchema.optional(),
  /** In the place of a session. */
  apiKey: apiKeyTextSchema.optional(),
  /** Of the cookie by which a device is known that has signed in before. */
  device: secretTokenSchema.optional(),
  /** Of the first request with its Idempotency-Key: asked again under it, identity does not act a second time. */
  commandId: z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'must be 16 bytes in base64url').optional(),
});
export type RequestContext = z.output<typeof requestContextSchema>;

export const identityRequestSchema = z.strictObject({ context: requestContextSchema, args: z.unknown() });

export const identityErrorSchema = z.strictObject({
  code: z.enum(IDENTITY_FAULT_CODES),
  message: z.string(),
  field: z.string().optional(),
  retryAfterMs: z.number().int().positive().optional(),
});
export type IdentityError = z.output<typeof identityErrorSchema>;

export const identityReplySchema = z.union([z.strictObject({ result: z.unknown() }), z.strictObject({ error: identityErrorSchema })]);
export type IdentityReply = z.output<typeof identityReplySchema>;

/** How long an edge may believe its cached sessions without having heard from identity, from when it asked. */
export const EDGE_LEASE_MS = 1_000;
/** How often an edge asks for its lease anew. */
export const EDGE_HEARTBEAT_MS = 200;

const opaqueId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -');

/** Body of `identity-revoked`: whatever an edge knows of these is void as soon as it has read this. */
export const revocationSchema = z.strictObject({
  /** Names this revocation in acknowledgements. */
  id: opaqueId,
  /** Instance that waits for the acknowledgement. */
  instance: opaqueId,
  /** Whose sessions. Without user and organisation: everybody's. */
  userId: opaqueId.optional(),
  /** Absent: all sessions of the user. */
  sessionIds: z.array(opaqueId).max(1_000).optional(),
  /** All sessions that act in it. */
  organization: z.string().max(63).optional(),
});
export type Revocation = z.output<typeof revocationSchema>;

/** Body of `identity-acked.<instance>`. */
export const revocationAckSchema = z.strictObject({ id: opaqueId, edgeId: opaqueId, lease: opaqueId });
export type RevocationAck = z.output<typeof revocationAckSchema>;

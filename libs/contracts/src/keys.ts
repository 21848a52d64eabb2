import { z } from 'zod';
import { tenantSchema } from './ledger-http.js';

/** How services ask the key service: names, faults and the envelope of a request (docs/spec/keys-api.md). */

/** A request older, or newer, than this is refused: clocks of services must not differ by more. */
export const KEYS_REQUEST_AGE_MS_MAX = 60_000;
export const KEYS_REQUEST_BYTES_MAX = 256 * 1024;
/** Subjects, or key ids, of one request. */
export const KEYS_BATCH_MAX = 500;
/** NIST SP 800-38D §8.3: invocations of AES-GCM under one key with random 96-bit IVs. */
export const KEY_USES_MAX = 2 ** 32;
/** Purpose that names the tenant's own key, which wraps all its other keys. */
export const TENANT_KEY_PURPOSE = 'tenant';
/** Tenant whose key wraps what belongs to no other: signing keys. */
export const KEYS_SYSTEM_TENANT = 'system';
/** Purpose, of the system tenant, of the keys under which signing keys travel that were made elsewhere. */
export const KEYS_IMPORT_PURPOSE = 'keys.import';
/** Keys of archives of backups, wrapped in the tenant {@link KEYS_SYSTEM_TENANT}. */
export const KEYS_BACKUP_PURPOSE = 'backup.archive';
/** Ed25519 seed (RFC 8032 §5.1.5), then ML-DSA-44 seed (FIPS 204, algorithm 6). */
export const SIGNING_SEEDS_BYTES = 64;
export const KEYS_QUEUE_GROUP = 'keys';

/** Body of `keys-erased.<tenant>`: whoever holds keys of this subject drops them now. */
export const subjectErasedSchema = z.strictObject({ tenant: tenantSchema, subject: z.string(), keyId: z.string().optional() });
export const subjectErasedSubject = (tenant: string): string => `keys-erased.${tenant}`;

/** `keys.<operation>.<service>`: the bus lets a service publish below its own name only. */
export const keysSubject = (operation: string, service: string): string => `keys.${operation}.${service}`;

/**
 * Why the key service refuses.
 * - KEY_UNKNOWN: there is no such key
 * - KEY_DESTROYED: there was one, and its bytes are gone
 * - KEY_EXHAUSTED: it has been leased for as many encryptions as one key may make
 * - KEY_VERSION_TOO_OLD: below the minimum decryption version
 * - KEY_IN_USE: the version is active, or something was found under it
 * - KEY_SCAN_MISSING: a service that encrypted under the version has not yet shown, by a scan begun after its leases had ended, that nothing is left
 * - KEY_PURPOSE_FORBIDDEN: the service may not do this with keys of this purpose
 * - TENANT_FORBIDDEN: the service may not act for this tenant
 * - REQUEST_MALFORMED, REQUEST_SIGNATURE_INVALID, REQUEST_STALE, REQUEST_REPLAYED: about the request as such
 * - SERVICE_UNKNOWN: no key of this service is known
 * - SUBJECT_ERASED: the subject's key was destroyed for good; none will be made again
 * - CHECKPOINT_INCONSISTENT: the tree does not extend the one that was signed last
 * - CHECKPOINT_BASE_MOVED: another tree was signed last than the request assumes; `signedSize` says which
 * - WRAPPED_KEY_INVALID: a wrapped key is malformed, was changed, or belongs to another place
 * - ROOT_KEY_UNAVAILABLE: the root key cannot be reached now
 * - DESTRUCTION_NOT_SCHEDULED: nothing to cancel
 * - DESTRUCTION_NOT_FORCED: without this key a log could never be signed again, or erased subjects no longer be told apart
 * - KEY_EXISTS: there is a key of this name already
 * - KEYS_OVERLOADED: too many requests at once; try again later
 * - KEYS_INTERNAL: a failure of the service, told in its log
 */
export const KEYS_FAULT_CODES = [
  'KEY_UNKNOWN',
  'KEY_DESTROYED',
  'KEY_EXHAUSTED',
  'KEY_VERSION_TOO_OLD',
  'KEY_IN_USE',
  'KEY_SCAN_MISSING',
  'KEY_PURPOSE_FORBIDDEN',
  'TENANT_FORBIDDEN',
  'REQUEST_MALFORMED',
  'REQUEST_SIGNATURE_INVALID',
  'REQUEST_STALE',
  'REQUEST_REPLAYED',
  'SERVICE_UNKNOWN',
  'SUBJECT_ERASED',
  'CHECKPOINT_INCONSISTENT',
  'CHECKPOINT_BASE_MOVED',
  'WRAPPED_KEY_INVALID',
  'ROOT_KEY_UNAVAILABLE',
  'DESTRUCTION_NOT_SCHEDULED',
  'DESTRUCTION_NOT_FORCED',
  'KEY_EXISTS',
  'KEYS_OVERLOADED',
  'KEYS_INTERNAL',
] as const;
export type KeysFaultCode = (typeof KEYS_FAULT_CODES)[number];

/** Why a service refuses a field with the key at hand, or a value to be encrypted (libs/envelope has the same codes). */
export const FIELD_REFUSAL_CODES = [
  'FIELD_MALFORMED',
  'FIELD_VERSION_UNKNOWN',
  'FIELD_VERSION_RESERVED',
  'FIELD_TOO_LARGE',
  'FIELD_KEY_MISMATCH',
  'FIELD_NOT_AUTHENTIC',
  'KEY_EXHAUSTED',
  'KEY_MALFORMED',
  'CONTEXT_MALFORMED',
] as const;
export type FieldRefusalCode = (typeof FIELD_REFUSAL_CODES)[number];
/** Kinds of them in one report. */
export const REFUSAL_KINDS_MAX = 100;

export const KEY_STATES = ['active', 'decrypt-only', 'destroyed'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export const serviceNameSchema = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and hyphen');
/** Dotted lower-case names, `ledger.quarantine`. */
export const purposeSchema = z.string().max(64).regex(/^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+$/, 'must be dotted lower-case words');
export const anyPurposeSchema = z.union([purposeSchema, z.literal(TENANT_KEY_PURPOSE)]);
/** Names one version of one key. */
export const keyIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -');

const base64url = (bytes: number): z.ZodString => z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${String(Math.ceil((bytes * 4) / 3))}}$`), `must be ${String(bytes)} bytes in base64url`);

/**
 * What a service signs. On the bus: the signature in base64url, a line feed, then this as JSON
 * (libs/envelope, `signRequest`).
 */
export const keysRequestSchema = z.strictObject({
  service: serviceNameSchema,
  operation: z.string().max(64),
  /** RFC 3339 UTC. */
  issuedAt: z.iso.datetime(),
  /** 16 random bytes, base64url; used once. */
  nonce: base64url(16),
  /** Raw X25519 public key, base64url: key bytes of the answer are sealed to it. Used once. */
  ephemeral: base64url(32),
  args: z.unknown(),
});
export type KeysRequest = z.infer<typeof keysRequestSchema>;

export const keysErrorSchema = z.strictObject({
  code: z.enum(KEYS_FAULT_CODES),
  message: z.string(),
  field: z.string().optional(),
  /** With CHECKPOINT_BASE_MOVED: size of the tree that was signed last. */
  signedSize: z.number().int().nonnegative().optional(),
});
export type KeysError = z.infer<typeof keysErrorSchema>;

/** What the key service signs, bound to the request that it answers: a result in the clear, a sealed one, or an error. */
export const keysReplySchema = z.union([
  z.strictObject({ result: z.unknown() }),
  z.strictObject({ sealed: z.strictObject({ ephemeral: base64url(32), box: z.string() }) }),
  z.strictObject({ error: keysErrorSchema }),
]);
export type KeysReply = z.infer<typeof keysReplySchema>;

import { z } from 'zod';
import { anyPurposeSchema, FIELD_REFUSAL_CODES, KEY_STATES, keyIdSchema, KEYS_BATCH_MAX, KEYS_FAULT_CODES, purposeSchema, REFUSAL_KINDS_MAX } from './keys.js';
import { tenantSchema } from './ledger-http.js';

/**
 * Operations of the key service: arguments and results. Key bytes never stand in a result: they follow the sealed
 * result as 32 bytes each, in the order of what was granted.
 */

const whole = z.number().int().nonnegative();
const version = z.number().int().min(1).max(1_000_000);
/** Milliseconds that the answer may be used, counted from when the request was sent, by the asker's monotonic clock. */
const ttlMs = z.number().int().positive();
const usesMax = whole;
const hash = z.string().regex(/^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64');
const origin = z.string().min(1).max(255);
const subject = z.string().min(1).max(256);
/** A key of somebody's own, by its id, and its text under one of ours (libs/envelope, `wrapKey`). */
const wrapped = { keyId: keyIdSchema, wrapped: z.string().min(1).max(1024) };
const fault = z.enum(KEYS_FAULT_CODES);
const states = z.enum(KEY_STATES);
const time = z.iso.datetime();

export const keyVersionViewSchema = z.strictObject({
  version,
  keyId: keyIdSchema,
  state: states,
  createdAt: time,
  /** Encryptions that have been leased out, not those that were made. */
  usesLeased: whole,
  /** Rows, keys or fields still under this version, of the last scan; absent before the first. */
  remaining: whole.optional(),
  remainingAt: time.optional(),
});

export const keyViewSchema = z.strictObject({
  tenant: tenantSchema,
  purpose: z.string(),
  kind: z.enum(['tenant', 'data', 'index', 'signing']),
  minimumVersion: version,
  rotateAfterDays: whole,
  rotateAfterUses: whole,
  destroyAt: time.optional(),
  versions: z.array(keyVersionViewSchema),
});
export type KeyView = z.infer<typeof keyViewSchema>;
export type KeyVersionView = z.infer<typeof keyVersionViewSchema>;

/** What a certificate says, one line: it goes to the key service, and into an event's part. */
export const CERTIFICATE_STATEMENT_CHARS_MAX = 64 * 1024;
export const CERTIFICATE_KINDS = ['deletion', 'erasure', 'archive'] as const;
export type CertificateKind = (typeof CERTIFICATE_KINDS)[number];

/** A scan that took longer proves nothing. */
const SCAN_MS_MAX = 86_400_000;

const keyName = { tenant: tenantSchema, purpose: anyPurposeSchema };
export const heldVersionSchema = z.strictObject({
  ...keyName,
  keyId: keyIdSchema,
  version,
  state: states,
  /** The version that encrypts now; absent once the whole key is destroyed. */
  activeKeyId: keyIdSchema.optional(),
  /** Nobody encrypts under it any more: a scan that begins now can prove that nothing is left. */
  isSettled: z.boolean(),
});
export type HeldVersion = z.infer<typeof heldVersionSchema>;
const leased = { keyId: keyIdSchema, version, state: states, ttlMs, usesMax };
const subjectGrant = z.union([z.strictObject({ subject, keyId: keyIdSchema }), z.strictObject({ subject, fault })]);
const keyIdGrant = z.union([z.strictObject({ keyId: keyIdSchema }), z.strictObject({ keyId: keyIdSchema, fault })]);

/** `sealed`: the result carries key bytes and is readable by the asker alone. */
export const KEYS_OPERATIONS = {
  /** Without `keyId` the active version, for encryption; with one, that version for decryption (`usesMax` 0). One key follows. */
  'data-key': {
    sealed: true,
    args: z.strictObject({ tenant: tenantSchema, purpose: purposeSchema, keyId: keyIdSchema.optional() }),
    result: z.strictObject(leased),
  },
  /** Key of blind indexes. Without `version` the active one. One key follows. */
  'blind-index-key': {
    sealed: true,
    args: z.strictObject({ tenant: tenantSchema, purpose: purposeSchema, version: version.optional() }),
    result: z.strictObject({ keyId: keyIdSchema, version, ttlMs }),
  },
  /** `encrypt` makes missing keys; `decrypt` does not. One key follows for each grant without a fault. */
  'subject-keys': {
    sealed: true,
    args: z.strictObject({ tenant: tenantSchema, subjects: z.array(subject).min(1).max(KEYS_BATCH_MAX), mode: z.enum(['encrypt', 'decrypt']) }),
    result: z.strictObject({ grants: z.array(subjectGrant), ttlMs, usesMax }),
  },
  'subject-keys-by-id': {
    sealed: true,
    args: z.strictObject({ tenant: tenantSchema, keyIds: z.array(keyIdSchema).min(1).max(KEYS_BATCH_MAX) }),
    result: z.strictObject({ grants: z.array(keyIdGrant), ttlMs }),
  },
  /** A new key for something that lies elsewhere (a file), with its wrapped form to lie beside it. One key follows. */
  wrap: {
    sealed: true,
    args: z.strictObject({ tenant: tenantSchema, purpose: purposeSchema }),
    result: z.strictObject(wrapped),
  },
  unwrap: {
    sealed: true,
    args: z.strictObject({ tenant: tenantSchema, purpose: purposeSchema, ...wrapped }),
    result: z.strictObject({ keyId: keyIdSchema }),
  },
  /** The same key wrapped by the active version. */
  rewrap: {
    sealed: false,
    args: z.strictObject({ tenant: tenantSchema, purpose: purposeSchema, ...wrapped }),
    result: z.strictObject(wrapped),
  },
  /** Verifier keys of a log (C2SP signed-note), Ed25519 first, then ML-DSA-44; made at the first request. */
  vkeys: {
    sealed: false,
    args: z.strictObject({ origin }),
    /** `signedSize`, `signedRoot`: the tree that was signed last; none before the first. */
    result: z.strictObject({ vkeys: z.array(z.string()), signedSize: whole, signedRoot: hash.optional() }),
  },
  /** `proof` shows that the tree extends the one of `oldSize` leaves, which must be the last that was signed. */
  'sign-checkpoint': {
    sealed: false,
    args: z.strictObject({ origin, treeSize: whole, root: hash, timestampSeconds: whole, oldSize: whole, proof: z.array(hash).max(128) }),
    result: z.strictObject({ signatures: z.array(z.strictObject({ name: z.string(), keyId: whole, signature: z.string() })) }),
  },
  /**
   * Takes over signing keys that a log has used before. `sealed`: their seeds ({@link SIGNING_SEEDS_BYTES}) as the field
   * system / signing-key / seeds / origin under a key that `wrap` gave for KEYS_IMPORT_PURPOSE, and that `transport` names.
   * `checkpoint`: the last note that they signed; what does not extend it is never signed here.
   */
  'import-signing-key': {
    sealed: false,
    args: z.strictObject({ origin, transport: z.strictObject(wrapped), sealed: z.string().min(1).max(1024), checkpoint: z.string().max(16_384).optional() }),
    result: z.strictObject({ vkeys: z.array(z.string()), signedSize: whole }),
  },
  rotate: { sealed: false, args: z.strictObject(keyName), result: z.strictObject({ keyId: keyIdSchema, version }) },
  /** Versions below it no longer decrypt. */
  'raise-minimum': { sealed: false, args: z.strictObject({ ...keyName, version }), result: z.strictObject({ minimumVersion: version }) },
  /** Destroys one old version, whose remaining count must be zero. */
  'retire-version': { sealed: false, args: z.strictObject({ ...keyName, version }), result: z.strictObject({ version }) },
  'schedule-destruction': {
    sealed: false,
    /** `force`: also a key that signs for a log, or that tells erased subjects apart. */
    args: z.strictObject({ ...keyName, waitDays: z.number().int().min(1).max(30), force: z.literal(true).optional() }),
    result: z.strictObject({ destroyAt: time }),
  },
  'cancel-destruction': { sealed: false, args: z.strictObject(keyName), result: z.strictObject({}) },
  /** At once and for ever. The receipt is a signed note; asking again gives the same one. */
  'destroy-subject': {
    sealed: false,
    args: z.strictObject({ tenant: tenantSchema, subject, reason: z.string().min(1).max(256) }),
    result: z.strictObject({ receipt: z.string(), destroyedAt: time }),
  },
  /** A signed note about what was destroyed (libs/certificates), by a key that signs nothing else; `vkey` verifies it. */
  'sign-certificate': {
    sealed: false,
    args: z.strictObject({ kind: z.enum(CERTIFICATE_KINDS), statement: z.string().min(2).max(CERTIFICATE_STATEMENT_CHARS_MAX).regex(/^[ -\u{10ffff}]+$/u, 'must be one line') }),
    result: z.strictObject({ certificate: z.string(), vkey: z.string() }),
  },
  list: {
    sealed: false,
    args: z.strictObject({ tenant: tenantSchema.optional(), after: z.string().max(256).optional(), limit: z.number().int().min(1).max(500).default(100) }),
    result: z.strictObject({ keys: z.array(keyViewSchema), next: z.string().optional() }),
  },
  show: { sealed: false, args: z.strictObject(keyName), result: keyViewSchema },
  /** What still lies under versions that are not active, and how far the epoch's roll is. */
  'rewrap-status': {
    sealed: false,
    args: z.strictObject({ tenant: tenantSchema.optional() }),
    result: z.strictObject({
      versions: z.array(z.strictObject({ tenant: tenantSchema, purpose: z.string(), version, keyId: keyIdSchema, state: states, remaining: whole.optional(), remainingAt: time.optional() })),
      epoch: z.strictObject({ current: whole, rolledAt: time, remaining: whole }),
    }),
  },
  /** Encryptions and decryptions by cached keys, counted since the last report. */
  'report-uses': {
    sealed: false,
    args: z.strictObject({
      since: time,
      uses: z.array(z.strictObject({ tenant: tenantSchema, keyId: keyIdSchema, operation: z.enum(['encrypt', 'decrypt']), count: z.number().int().positive() })).min(1).max(KEYS_BATCH_MAX),
    }),
    result: z.strictObject({}),
  },
  /** What a service refused by itself with cached keys, counted: fields that were altered, cut short or moved to another place. */
  'report-refusals': {
    sealed: false,
    args: z.strictObject({
      since: time,
      refusals: z.array(z.strictObject({ tenant: tenantSchema.optional(), keyId: keyIdSchema.optional(), code: z.enum(FIELD_REFUSAL_CODES), count: z.number().int().positive() })).min(1).max(REFUSAL_KINDS_MAX),
    }),
    result: z.strictObject({}),
  },
  /**
   * Versions that the asking service has encrypted under: old ones which it has not yet shown to be empty, in pages, and those
   * that it has `found` in its columns, in whatever state. One that is found and not answered is not a key of its own.
   */
  'held-versions': {
    sealed: false,
    args: z.strictObject({ found: z.array(keyIdSchema).max(KEYS_BATCH_MAX).default([]), after: keyIdSchema.optional() }),
    result: z.strictObject({ versions: z.array(heldVersionSchema), next: keyIdSchema.optional() }),
  },
  /** A service's count of fields under key versions, over all its columns, by a scan that began `scanMs` before: the proof that a retirement needs. */
  'report-remaining': {
    sealed: false,
    args: z.strictObject({ ...keyName, scanMs: whole.max(SCAN_MS_MAX), counts: z.array(z.strictObject({ version, remaining: whole })).min(1).max(100) }),
    result: z.strictObject({}),
  },
  /** Begins a roll of the epoch now instead of at its time. */
  'roll-epoch': { sealed: false, args: z.strictObject({}), result: z.strictObject({ epoch: whole }) },
} as const;

export type KeysOperation = keyof typeof KEYS_OPERATIONS;
export type KeysArgs<O extends KeysOperation> = z.output<(typeof KEYS_OPERATIONS)[O]['args']>;
export type KeysArgsInput<O extends KeysOperation> = z.input<(typeof KEYS_OPERATIONS)[O]['args']>;
export type KeysResult<O extends KeysOperation> = z.output<(typeof KEYS_OPERATIONS)[O]['result']>;

export const isKeysOperation = (name: string): name is KeysOperation => Object.hasOwn(KEYS_OPERATIONS, name);

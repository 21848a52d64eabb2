import { z } from 'zod';
import { DATA_CLASSES, heldIdSchema } from './holder.js';
import { tenantSchema } from './ledger-http.js';
import { keptSchema, scrubbedSchema } from './retention-certificates.js';

/** What retention asks holders about one person (docs/spec/holders.md, "Persons"). */

/** Records of one page of an export. */
export const HELD_RECORDS_MAX = 100;
/** Of the proof of one entry. */
export const HELD_PROOF_CHARS_MAX = 384 * 1024;
/** Subjects' keys that a holder names of one person. */
export const HELD_KEYS_MAX = 10_000;

const word = z.string().max(128).regex(/^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$/, 'must be dotted lower-case words');
const dataClass = z.enum(DATA_CLASSES);
const cursor = z.string().min(1).max(512);
/** Who: a subject of a tenant, as its keys are. */
const person = { tenant: tenantSchema, subject: heldIdSchema };

/** A subject whose key makes something readable that is about the person. */
export const heldKeySchema = z.strictObject(person);
export type HeldKey = z.output<typeof heldKeySchema>;

/** What a service holds of one type, and what becomes of it when its subject asks for erasure. */
export const heldTypeSchema = z.strictObject({
  holder: word,
  type: word,
  class: dataClass,
  count: z.number().int().nonnegative(),
  onErasure: z.enum(['deleted', 'scrubbed', 'shredded', 'kept']),
  /** Of what is kept: what the person is told. */
  reason: z.string().min(1).max(256).optional(),
  /** Of what is kept, when the last of it is over, where that is known. */
  until: z.iso.datetime().optional(),
});
export type HeldType = z.output<typeof heldTypeSchema>;

/** The same with what tells whether a hold covers it. Kinds of which there are none are told too, where they are erased by type. */
export const heldKindSchema = heldTypeSchema.extend({
  /** Whose it is; default: whose subject was asked for. */
  tenant: tenantSchema.optional(),
  /** About whom it is; default: whoever was asked for. */
  subjects: z.array(heldIdSchema).max(HELD_KEYS_MAX).optional(),
  /** None is older. */
  oldest: z.iso.datetime().optional(),
  /** Without these keys it cannot be read. */
  under: z.array(heldKeySchema).max(HELD_KEYS_MAX),
});
export type HeldKind = z.output<typeof heldKindSchema>;

/** That a record is an entry of a ledger (docs/spec/personal-archive.md): C2SP tlog-proof, verifier keys of the ledger, and of each part its salt where it has one. */
export const heldProofSchema = z.strictObject({
  tlog: z.string().max(HELD_PROOF_CHARS_MAX),
  keys: z.array(z.string().max(4_096)).min(1).max(16),
  salts: z.array(z.string().max(64).nullable()).max(1_000),
});

/** One thing that a service holds of somebody, in clear: it is made for that person alone. */
export const heldRecordSchema = z.strictObject({ type: word, class: dataClass, id: heldIdSchema, at: z.iso.datetime().optional(), value: z.record(z.string(), z.unknown()), proof: heldProofSchema.optional() });
export type HeldRecord = z.output<typeof heldRecordSchema>;

/** Types of a service that a hold covers. */
export const heldKeepSchema = z.array(word).max(100);

export const HOLDER_SUBJECT_OPERATIONS = {
  /** What is held of somebody, and under which subjects' keys. A page may be empty and still be followed by another. */
  'held-subject': {
    args: z.strictObject({ ...person, after: cursor.optional() }),
    result: z.strictObject({ types: z.array(heldKindSchema).max(100), keys: z.array(heldKeySchema).max(HELD_KEYS_MAX), next: cursor.optional() }),
  },
  /** All of it, in pages. */
  'held-export': {
    args: z.strictObject({ ...person, after: cursor.optional(), limit: z.number().int().min(1).max(HELD_RECORDS_MAX) }),
    result: z.strictObject({ records: z.array(heldRecordSchema).max(HELD_RECORDS_MAX), next: cursor.optional() }),
  },
  /**
   * Takes away what nothing obliges to keep, once a request: again it gives the same answer. Types that are `keep` stay, and `held` says of which of
   * these there was something. The keys are those of `held-subject`, as they were before.
   */
  'held-scrub-subject': {
    args: z.strictObject({ ...person, requestId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be an id'), keep: heldKeepSchema.default([]) }),
    result: z.strictObject({
      scrubbed: z.array(scrubbedSchema).max(100), kept: z.array(keptSchema).max(100), keys: z.array(heldKeySchema).max(HELD_KEYS_MAX),
      held: z.array(z.strictObject({ type: word, class: dataClass, count: z.number().int().positive() })).max(100).default([]),
    }),
  },
} as const;

import { z } from 'zod';
import { DATA_CLASSES, heldIdSchema, resourceTypeSchema } from './holder.js';
import { noControls, opaqueId, organization, PAGE_MAX, reason, time } from './identity-shapes.js';
import type { RetentionOperationContract } from './retention.js';

/** Legal holds: what nothing and nobody destroys, and how two people let it go. */

/** In force, of one organisation, or of the installation. */
export const HOLDS_MAX = 1_000;
/** Of a scope, as JSON: it lies in one event, with its reasons. */
export const HOLD_SCOPE_BYTES_MAX = 48 * 1024;
/** Whoever is to agree to a release has so long. */
export const RELEASE_ASKED_MS = 7 * 86_400_000;
const NAMED_MAX = 1_000;
const TYPES_MAX = 100;

const line = (max: number) => z.string().trim().min(1).max(max).refine(noControls, 'must hold no control characters');

/** What is named must be met; of a list one. `everything` alone names nothing. */
export const holdScopeSchema = z.strictObject({
  everything: z.literal(true).optional(),
  subjects: z.array(heldIdSchema).min(1).max(NAMED_MAX).optional(),
  resources: z.array(z.strictObject({ type: resourceTypeSchema, id: heldIdSchema })).min(1).max(NAMED_MAX).optional(),
  types: z.array(resourceTypeSchema).min(1).max(TYPES_MAX).optional(),
  classes: z.array(z.enum(DATA_CLASSES)).min(1).max(DATA_CLASSES.length).optional(),
  createdFrom: time.optional(),
  createdBefore: time.optional(),
  /** docs/spec/retention-rules.md, "Queries". */
  query: z.string().min(1).max(2_000).optional(),
}).refine(({ everything, ...named }) => (everything === true) !== Object.values(named).some((one) => one !== undefined), { path: ['everything'], message: 'must be everything, or name what it is about' })
  .meta({ examples: [{ subjects: ['user-7'], types: ['message'] }] });
export type HoldScopeView = z.output<typeof holdScopeSchema>;

export const holdViewSchema = z.strictObject({
  holdId: opaqueId,
  organization: organization.optional(),
  matter: line(200),
  scope: holdScopeSchema,
  /** Who answers for it: an account. */
  custodian: opaqueId.optional(),
  reason,
  state: z.enum(['in-force', 'release-asked', 'released']),
  placedBy: opaqueId,
  placedAt: time,
  releaseAskedBy: opaqueId.optional(),
  releaseAskedAt: time.optional(),
  releasedBy: opaqueId.optional(),
  releasedAt: time.optional(),
});
export type HoldView = z.output<typeof holdViewSchema>;

/** What the ledger proves about it: an event, and where it lies. */
const proofSchema = z.strictObject({ type: z.string(), eventId: z.uuid(), at: time, ledger: z.string(), index: z.number().int().nonnegative().optional(), recordedAt: z.string().optional() });

/** The deletion that an order was: its id, under which the ledger has it, and how much it names. */
const recalledOrderSchema = z.strictObject({ order: opaqueId, type: resourceTypeSchema, resources: z.number().int().positive() });

const ofSet = { organization: organization.optional() };
const one = { ...ofSet, holdId: opaqueId };

export const HOLD_OPERATIONS = {
  /** Matter and reason are on record for ever: no names of persons in them. In force when it returns. */
  'hold-place': {
    asker: 'edge',
    args: z.strictObject({ ...ofSet, matter: line(200), scope: holdScopeSchema, custodian: opaqueId.optional(), reason }),
    result: z.strictObject({
      holdId: opaqueId,
      inForceSince: time,
      /** Orders over what it may cover that were carried out before it was in force. */
      goneBefore: z.array(recalledOrderSchema).optional(),
      /** Orders that could not be called back, because nobody answers: what they name may have gone before, and goes no more after `voidAt`. */
      undecided: z.array(recalledOrderSchema.extend({ voidAt: time })).optional(),
    }),
    faults: ['ORGANIZATION_UNKNOWN', 'HOLDS_TOO_MANY', 'HOLD_TOO_LARGE', 'QUERY_MALFORMED'],
    emits: ['retention.hold.placed'],
  },
  /** In the order of their ids; released ones only if asked for. Fewer than `limit` with a `next` where they name much. */
  'hold-list': {
    asker: 'edge',
    args: z.strictObject({ ...ofSet, releasedToo: z.boolean().default(false), after: opaqueId.optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) }),
    result: z.strictObject({ holds: z.array(holdViewSchema), next: opaqueId.optional() }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /** With the events that prove when it was in force; their proofs are the ledger's. */
  'hold-show': {
    asker: 'edge',
    args: z.strictObject(one),
    result: z.strictObject({ hold: holdViewSchema, proofs: z.array(proofSchema) }),
    faults: ['ORGANIZATION_UNKNOWN', 'HOLD_UNKNOWN'],
    reads: true,
  },
  /** It stays in force until another person agrees. */
  'hold-ask-release': {
    asker: 'edge',
    args: z.strictObject({ ...one, reason }),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'HOLD_UNKNOWN', 'HOLD_RELEASED'],
    emits: ['retention.hold.release-asked'],
  },
  /** By somebody else than whoever asked. What became due meanwhile is announced first. */
  'hold-release': {
    asker: 'edge',
    args: z.strictObject(one),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'HOLD_UNKNOWN', 'HOLD_RELEASED', 'RELEASE_NOT_ASKED', 'SECOND_PERSON_REQUIRED'],
    emits: ['retention.hold.released'],
  },
  /** It stays in force, and has to be asked for again. */
  'hold-refuse-release': {
    asker: 'edge',
    args: z.strictObject({ ...one, reason }),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'HOLD_UNKNOWN', 'HOLD_RELEASED', 'RELEASE_NOT_ASKED'],
    emits: ['retention.hold.release-refused'],
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

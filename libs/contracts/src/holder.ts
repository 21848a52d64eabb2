import { z } from 'zod';
import { tenantSchema } from './ledger-http.js';

/**
 * How retention asks the services that hold something what they hold, and orders what is to go (docs/spec/holders.md). Nobody but
 * retention may publish here; a service answers under its own name only.
 */

/** Resources of one order. */
export const ORDER_RESOURCES_MAX = 1_000;
/** Resources of one page of a list. */
export const HELD_PAGE_MAX = 1_000;
/** Ids that an order over ranges leaves alone. */
export const ORDER_EXCEPT_MAX = 1_000;
export const HELD_REQUEST_BYTES_MAX = 512 * 1024;
/** An order that was not carried out so long after it was made is void, by the clock of the owner's database. */
export const ORDER_MS = 60_000;
/** Clocks of two databases differ by less. */
export const ORDER_GRACE_MS = 10_000;

/** What a resource is about: classes of data, from which policies and erasures choose. */
export const DATA_CLASSES = ['contact', 'content', 'attachment', 'financial', 'legal', 'security', 'operational'] as const;
export type DataClass = (typeof DATA_CLASSES)[number];
export const DELETION_ACTIONS = ['delete', 'scrub', 'shred'] as const;
export type DeletionAction = (typeof DELETION_ACTIONS)[number];

const time = z.iso.datetime();
// Unlike the ledger's opaque ids, one line each: a certificate lists them by lines.
export const heldIdSchema = z.string().min(1).max(256).regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must be 1 to 256 characters without control characters');
export const resourceTypeSchema = z.string().max(128).regex(/^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$/, 'must be dotted lower-case words');
export const orderIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -');

/** One thing that is held. `id` is its owner's; nothing here is personal. */
export const heldResourceSchema = z.strictObject({
  type: resourceTypeSchema,
  id: heldIdSchema,
  tenant: tenantSchema,
  class: z.enum(DATA_CLASSES),
  /** Opaque id of the person that it is about. Absent where it is about none, or about many. */
  subject: heldIdSchema.optional(),
  created: time,
  /** Where it is a range of many things: when the first was created, and `created` the last. */
  oldest: time.optional(),
  /** Absent while it is open. */
  closed: time.optional(),
  lastUsed: time.optional(),
});
export type HeldResource = z.infer<typeof heldResourceSchema>;

/** One order: what is to go, all of one tenant, type and action. */
export const heldOrderSchema = z.strictObject({
  orderId: orderIdSchema,
  tenant: tenantSchema,
  type: resourceTypeSchema,
  action: z.enum(DELETION_ACTIONS),
  resources: z.array(heldIdSchema).min(1).max(ORDER_RESOURCES_MAX),
  /** Ids of subjects and resources under a hold: where a resource is a range of many things, those that name one of them stay. */
  except: z.array(heldIdSchema).max(ORDER_EXCEPT_MAX).default([]),
  /** Under which policies it was given. */
  policyVersion: z.number().int().nonnegative(),
  orderedAt: time,
  /** Not to be carried out after it. */
  expiresAt: time,
});
export type HeldOrder = z.output<typeof heldOrderSchema>;
export type HeldOrderInput = z.input<typeof heldOrderSchema>;

/** What became of an order; the same for ever once it is on record with the owner. */
export const orderOutcomeSchema = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('executed'),
    at: time,
    /** Resources that are gone by this order. */
    done: z.array(heldIdSchema).max(ORDER_RESOURCES_MAX),
    /** Things in them, where a resource is a range of many. */
    items: z.number().int().nonnegative(),
  }),
  /** Called back before it was carried out: it never will be. */
  z.strictObject({ state: z.literal('recalled'), at: time }),
  z.strictObject({ state: z.literal('expired'), at: time }),
]);
export type OrderOutcome = z.infer<typeof orderOutcomeSchema>;

/**
 * Why a holder refuses.
 * - REQUEST_MALFORMED
 * - TYPE_UNKNOWN: it holds nothing of this type
 * - ACTION_UNKNOWN: not with this type
 * - ORDER_ID_REUSED: there is another order of this id
 * - SUBJECT_NEEDED: without this person nobody could administer: somebody else must be able to first
 * - HOLDER_UNAVAILABLE: something that it needs does not answer
 * - HOLDER_INTERNAL: a failure, told in its log
 */
export const HOLDER_FAULT_CODES = ['REQUEST_MALFORMED', 'TYPE_UNKNOWN', 'ACTION_UNKNOWN', 'ORDER_ID_REUSED', 'SUBJECT_NEEDED', 'HOLDER_UNAVAILABLE', 'HOLDER_INTERNAL'] as const;
export type HolderFaultCode = (typeof HOLDER_FAULT_CODES)[number];

export const HOLDER_RESOURCE_OPERATIONS = {
  /** What is held of a type, in a stable order. */
  'held-list': {
    args: z.strictObject({ type: resourceTypeSchema, after: z.string().max(512).optional(), limit: z.number().int().min(1).max(HELD_PAGE_MAX), except: z.array(heldIdSchema).max(ORDER_EXCEPT_MAX).default([]) }),
    result: z.strictObject({ resources: z.array(heldResourceSchema).max(HELD_PAGE_MAX), next: z.string().max(512).optional() }),
  },
  /** Carries out an order, once: the same again gives the same answer. */
  'held-execute': { args: heldOrderSchema, result: orderOutcomeSchema },
  /** Calls an order back, wherever it is. The answer says which was first. */
  'held-recall': { args: z.strictObject({ orderId: orderIdSchema }), result: orderOutcomeSchema },
} as const;

export const holderErrorSchema = z.strictObject({ code: z.enum(HOLDER_FAULT_CODES), message: z.string(), field: z.string().optional() });
export const holderReplySchema = z.union([z.strictObject({ result: z.unknown() }), z.strictObject({ error: holderErrorSchema })]);
export type HolderReply = z.infer<typeof holderReplySchema>;

/** Services of the platform answer on their own names; every other one below `holders`, which the bus keeps apart. */
const PLATFORM_HOLDERS: ReadonlySet<string> = new Set(['ledger', 'identity', 'keys', 'retention']);

/** `<service>.<operation>`, or `holders.<service>.<operation>`; of a service of the customers' `<service>` is `<organisation>.<its name>`. */
export const holderSubject = (service: string, operation: string): string => (PLATFORM_HOLDERS.has(service) ? `${service}.${operation}` : `holders.${service}.${operation}`);

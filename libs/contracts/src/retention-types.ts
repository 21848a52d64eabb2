import { z } from 'zod';
import { DATA_CLASSES, DELETION_ACTIONS, heldIdSchema, heldResourceSchema, orderIdSchema, resourceTypeSchema } from './holder.js';
import { organization, reason, time } from './identity-shapes.js';
import type { RetentionOperationContract } from './retention.js';

/** Types of data that services of the customers hold, and how a service without NATS takes part (docs/spec/holders.md, "Types of your own"). */

/** Of one organisation, or of the installation; withdrawn ones are counted too. */
export const TYPES_MAX = 100;
/** Resources reported in one batch, and as many that are said to be gone. */
export const REPORT_MAX = 200;
/** Resources of one type that are known at a time. */
export const REPORTED_MAX = 5_000_000;
/** Resources of an order that is fetched. */
export const FETCHED_RESOURCES_MAX = 100;
/** Orders that are out at a time for one type. */
export const FETCHED_ORDERS_MAX = 8;
/** Whoever has fetched an order has so long to carry it out and to say so. */
export const CARRY_OUT_MS = 600_000;
/** An order that nobody has fetched by then is void, and given again if it is still due. */
export const FETCH_WITHIN_MS = 30 * 86_400_000;

export const CLOCK_STARTS = ['created', 'closed', 'last-used'] as const;
/** How its holder takes part: it is asked over NATS, or fetches its orders over HTTP. */
export const TYPE_WAYS = ['http', 'nats'] as const;
export type TypeWay = (typeof TYPE_WAYS)[number];

const serviceName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and hyphen');

/** What a type is: from when its periods count, what can be done with one, and what classes of data it holds. */
export const typeDescriptionSchema = z.strictObject({
  /** Of the organisation's services the one that holds it. Never changed. */
  service: serviceName,
  clock: z.enum(CLOCK_STARTS),
  actions: z.array(z.enum(DELETION_ACTIONS)).min(1).max(DELETION_ACTIONS.length).refine((all) => new Set(all).size === all.length, 'must name each once'),
  classes: z.array(z.enum(DATA_CLASSES)).min(1).max(DATA_CLASSES.length).refine((all) => new Set(all).size === all.length, 'must name each once'),
});
export type TypeDescription = z.output<typeof typeDescriptionSchema>;

export const registeredTypeViewSchema = typeDescriptionSchema.extend({
  type: resourceTypeSchema,
  way: z.enum(TYPE_WAYS),
  state: z.enum(['registered', 'withdrawn']),
  changedAt: time,
  /** Known now. Of a type over NATS none are: its holder is asked. */
  resources: z.number().int().nonnegative(),
  /** Orders that nobody has fetched, and since when the oldest waits. */
  unfetched: z.number().int().nonnegative(),
  unfetchedSince: time.optional(),
});
export type RegisteredTypeView = z.output<typeof registeredTypeViewSchema>;

/** As its service has it. What is said of one replaces what was said before. */
export const reportedResourceSchema = heldResourceSchema.omit({ type: true, tenant: true });
export type ReportedResource = z.output<typeof reportedResourceSchema>;

const distinct = (reported: { readonly resources: readonly { readonly id: string }[]; readonly removed: readonly string[] }): boolean => {
  const ids = [...reported.resources.map(({ id }) => id), ...reported.removed];
  return ids.length > 0 && new Set(ids).size === ids.length;
};

/** What is to go, until when; whoever confirms later is refused. */
export const fetchedOrderSchema = z.strictObject({
  orderId: orderIdSchema,
  action: z.enum(DELETION_ACTIONS),
  resources: z.array(heldIdSchema).min(1).max(FETCHED_RESOURCES_MAX),
  /** Not to be carried out after it. */
  expiresAt: time,
});
export type FetchedOrder = z.output<typeof fetchedOrderSchema>;

const ofSet = { organization: organization.optional() };
const ofType = { ...ofSet, type: resourceTypeSchema };

export const RETENTION_TYPE_OPERATIONS = {
  'type-list': {
    asker: 'edge',
    args: z.strictObject(ofSet),
    result: z.strictObject({ types: z.array(registeredTypeViewSchema).max(TYPES_MAX) }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /** A name begins with that of its organisation, `acme.contract`. The same again changes nothing. */
  'type-register': {
    asker: 'edge',
    args: typeDescriptionSchema.extend(ofType),
    result: z.strictObject({ type: resourceTypeSchema }),
    faults: ['ORGANIZATION_UNKNOWN', 'TYPE_FOREIGN', 'TYPE_OWNER_FIXED', 'TYPES_TOO_MANY'],
    emits: ['retention.type.registered', 'retention.type.changed'],
  },
  /** Nothing of it is judged or ordered any more. Registered again, it goes on with what was known. */
  'type-withdraw': {
    asker: 'edge',
    args: z.strictObject({ ...ofType, reason }),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'TYPE_UNKNOWN'],
    emits: ['retention.type.withdrawn'],
  },
  /** What is held of the type, in batches that may be sent again; `removed`: what is not there any more, for whatever reason. */
  'resources-report': {
    asker: 'edge',
    args: z.strictObject({ ...ofType, resources: z.array(reportedResourceSchema).max(REPORT_MAX).default([]), removed: z.array(heldIdSchema).max(REPORT_MAX).default([]) }).refine(distinct, { path: ['resources'], message: 'must name something, and nothing twice' }),
    result: z.strictObject({ reported: z.number().int().nonnegative(), removed: z.number().int().nonnegative() }),
    faults: ['ORGANIZATION_UNKNOWN', 'TYPE_UNKNOWN', 'CLASS_NOT_OF_TYPE', 'RESOURCES_TOO_MANY'],
    emits: ['retention.resources.reported'],
  },
  /** Orders to be carried out now, those that are out already first. Each is judged once more before it is handed out. */
  'orders-fetch': {
    asker: 'edge',
    args: z.strictObject({ ...ofType, limit: z.number().int().min(1).max(FETCHED_ORDERS_MAX).default(FETCHED_ORDERS_MAX) }),
    result: z.strictObject({ orders: z.array(fetchedOrderSchema).max(FETCHED_ORDERS_MAX) }),
    faults: ['ORGANIZATION_UNKNOWN', 'TYPE_UNKNOWN'],
    emits: ['retention.deletion.handed-out'],
  },
  /** `gone`: of the order's resources those that are not there any more. `wasRecalled`: a hold came after it was fetched. */
  'order-confirm': {
    asker: 'edge',
    args: z.strictObject({ ...ofType, orderId: orderIdSchema, gone: z.array(heldIdSchema).max(FETCHED_RESOURCES_MAX) }),
    result: z.strictObject({ gone: z.number().int().nonnegative(), wasRecalled: z.boolean(), certificate: z.string().optional() }),
    faults: ['ORGANIZATION_UNKNOWN', 'TYPE_UNKNOWN', 'ORDER_UNKNOWN', 'ORDER_EXPIRED', 'ORDER_SETTLED'],
    emits: ['retention.deletion.executed', 'retention.deletion.confirmed-late'],
  },
  /** It was not carried out, and will not be. What is still due is ordered again. */
  'order-refuse': {
    asker: 'edge',
    args: z.strictObject({ ...ofType, orderId: orderIdSchema, reason }),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'TYPE_UNKNOWN', 'ORDER_UNKNOWN', 'ORDER_SETTLED'],
    emits: ['retention.deletion.refused'],
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

/** The organisation, or the ledger of the installation, that a type of this name can belong to; undefined: it is the platform's own. */
export function tenantOfType(type: string): string | undefined {
  const dot = type.indexOf('.');
  return dot < 0 ? undefined : type.slice(0, dot);
}

import { z } from 'zod';
import { heldIdSchema } from './holder.js';
import { heldKeepSchema } from './holder-subjects.js';
import { opaqueId, time } from './identity-shapes.js';
import { tenantSchema } from './ledger-http.js';
import type { RetentionOperationContract } from './retention.js';

/** What a service asks about persons by itself: who was erased, when its database was put back (docs/operations/runbooks/erasure-after-restore.md), and whose data is restricted. */

/** Erasures of one page. */
export const ERASURES_PAGE_MAX = 500;

/** Restricted subjects of one page. */
export const RESTRICTED_PAGE_MAX = 500;

/** `keep`: types of the asker that a hold covered. */
const erasureSchema = z.strictObject({ requestId: opaqueId, tenant: tenantSchema, subject: heldIdSchema, at: time, keep: heldKeepSchema.default([]) });
export type BegunErasure = z.output<typeof erasureSchema>;

export const RETENTION_ERASURE_OPERATIONS = {
  /**
   * Erasures that were begun and are not being carried out just now, in the order of their beginning, behind a place that was told before; 0: from the
   * first. `next` is the place behind them. `isLast`: nothing stands behind it. `open`: whose erasure stands in between and may yet come to nothing, for
   * weeks perhaps; `resume` is the place before the first of these, or `next`: where whoever has read to the end begins the next time.
   */
  'erasure-list': {
    asker: 'identity', auth: 'service',
    args: z.strictObject({ after: z.number().int().nonnegative() }),
    result: z.strictObject({ erasures: z.array(erasureSchema).max(ERASURES_PAGE_MAX), open: z.array(z.strictObject({ tenant: tenantSchema, subject: heldIdSchema })).max(ERASURES_PAGE_MAX), resume: z.number().int().nonnegative(), next: z.number().int().nonnegative(), isLast: z.boolean() }),
    faults: [],
    reads: true,
  },
  /** The asker had forgotten it, and has let go of the person again: so do all others, and every key is destroyed again. There is no second certificate. */
  'erasure-repeat': {
    asker: 'identity', auth: 'service',
    args: z.strictObject({ requestId: opaqueId }),
    result: z.strictObject({}),
    faults: ['SUBJECT_REQUEST_UNKNOWN'],
    emits: ['retention.erasure.repeated'],
  },
  /** Subjects of the installation whose data is kept and not used (Regulation (EU) 2016/679, Article 18), behind `after`. `liftsAt`: until then, as was announced. */
  'restricted-list': {
    asker: 'identity', auth: 'service',
    args: z.strictObject({ after: heldIdSchema.optional() }),
    result: z.strictObject({ restricted: z.array(z.strictObject({ subject: heldIdSchema, liftsAt: time.optional() })).max(RESTRICTED_PAGE_MAX), isLast: z.boolean() }),
    faults: [],
    reads: true,
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

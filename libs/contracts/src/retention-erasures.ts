import { z } from 'zod';
import { heldIdSchema } from './holder.js';
import { heldKeepSchema } from './holder-subjects.js';
import { opaqueId, time } from './identity-shapes.js';
import { tenantSchema } from './ledger-http.js';
import type { RetentionOperationContract } from './retention.js';

/** What a service whose database was put back from a snapshot must be told again (docs/operations/erasure-after-restore.md). */

/** Erasures of one page. */
export const ERASURES_PAGE_MAX = 500;

/** `keep`: types of the asker that a hold covered. */
const erasureSchema = z.strictObject({ requestId: opaqueId, tenant: tenantSchema, subject: heldIdSchema, at: time, keep: heldKeepSchema.default([]) });
export type BegunErasure = z.output<typeof erasureSchema>;

export const RETENTION_ERASURE_OPERATIONS = {
  /**
   * Erasures that were begun and are not being carried out just now, in the order of their beginning, behind a place that was told before; 0: from the
   * first. `next` is the place behind them. `isLast`: nothing stands behind it.
   */
  'erasure-list': {
    asker: 'identity', auth: 'service',
    args: z.strictObject({ after: z.number().int().nonnegative() }),
    result: z.strictObject({ erasures: z.array(erasureSchema).max(ERASURES_PAGE_MAX), next: z.number().int().nonnegative(), isLast: z.boolean() }),
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
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

import { z } from 'zod';
import { DATA_CLASSES, resourceTypeSchema } from './holder.js';
import { opaqueId, organization, time } from './identity-shapes.js';
import type { RetentionOperationContract } from './retention.js';

/** Policies: how long what is kept, and what becomes of it then. */

/** From when a period counts. */
export const CLOCK_STARTS = ['created', 'closed', 'last-used'] as const;
/** Of a calendar: months end where months end. */
export const periodSchema = z.strictObject({ years: z.number().int().min(0).max(200).default(0), months: z.number().int().min(0).max(2_400).default(0), days: z.number().int().min(0).max(73_000).default(0) });

export const retentionPolicyViewSchema = z.strictObject({
  policyId: opaqueId,
  /** Absent: of the installation. */
  organization: organization.optional(),
  /** Absent: all types. */
  type: resourceTypeSchema.optional(),
  /** Absent: all classes. */
  dataClass: z.enum(DATA_CLASSES).optional(),
  version: z.number().int().positive(),
  changedAt: time,
});

export const RETENTION_POLICY_OPERATIONS = {
  /** Of the organisation, or without one of the installation. */
  'policy-list': {
    asker: 'edge',
    args: z.strictObject({ organization: organization.optional() }),
    result: z.strictObject({ policies: z.array(retentionPolicyViewSchema) }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

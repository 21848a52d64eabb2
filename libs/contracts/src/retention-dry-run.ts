import { z } from 'zod';
import { DATA_CLASSES, heldIdSchema, resourceTypeSchema } from './holder.js';
import { opaqueId, organization, time } from './identity-shapes.js';
import { tenantSchema } from './ledger-http.js';
import { retentionOutcomeSchema, retentionRuleSchema } from './retention-policies.js';
import type { RetentionOperationContract } from './retention.js';

/** What a change of a policy would do, before it does anything (docs/adr/0035). */

/** A part ends with the page after which it has looked at so many resources of the organisation, or taken so long, or counted so many groups. */
export const DRY_RUN_RESOURCES_MAX = 20_000;
export const DRY_RUN_MS_MAX = 4_000;
export const DRY_RUN_GROUPS_MAX = 1_000;
/** Resources of a part that are shown one by one, and of those of them that fare alike. */
export const DRY_RUN_SAMPLES_MAX = 50;
export const DRY_RUN_SAMPLES_ALIKE_MAX = 5;
/** Reasons of a sample, the most decisive ones. */
export const DRY_RUN_REASONS_MAX = 3;

const { verdict } = retentionOutcomeSchema.shape;
const count = z.number().int().nonnegative();
/** Where the next part begins; opaque, and good for as long as holders keep their order. */
export const dryRunPlaceSchema = z.string().min(1).max(2_200).regex(/^[A-Za-z0-9_-]+$/, 'must be what an answer gave');

export const dryRunGroupSchema = z.strictObject({
  type: resourceTypeSchema,
  class: z.enum(DATA_CLASSES),
  before: verdict,
  after: verdict,
  count,
  /** Of them those for which the verdict, the action, or when it changes next is another one. */
  changed: count,
});
export type DryRunGroup = z.output<typeof dryRunGroupSchema>;

export const dryRunSampleSchema = z.strictObject({
  type: resourceTypeSchema,
  id: heldIdSchema,
  /** Told where the policy is the installation's. */
  tenant: tenantSchema.optional(),
  class: z.enum(DATA_CLASSES),
  before: retentionOutcomeSchema,
  after: retentionOutcomeSchema,
});
export type DryRunSample = z.output<typeof dryRunSampleSchema>;

export const dryRunPartSchema = z.strictObject({
  /** Of these rules; another one in a later part says that something was changed meanwhile. */
  rules: z.string(),
  /** Whether a second person will have to agree to it. */
  needsApproval: z.boolean(),
  /** Resources that this part has judged. */
  resources: count,
  groups: z.array(dryRunGroupSchema),
  /** That are due with it and were not: the next sweep would have them destroyed. */
  dueAtOnce: count,
  /** When the first of those that wait becomes due, before and with it. */
  firstDueBefore: time.optional(),
  firstDueAfter: time.optional(),
  samples: z.array(dryRunSampleSchema).max(DRY_RUN_SAMPLES_MAX),
  /** Types whose holder did not answer: nothing of them is counted from there on. */
  unanswered: z.array(z.strictObject({ type: resourceTypeSchema, holder: z.string() })),
  /** Nothing is left to be looked at, neither here nor of what did not answer. */
  isComplete: z.boolean(),
  next: dryRunPlaceSchema.optional(),
});
export type DryRunPart = z.output<typeof dryRunPartSchema>;

export const RETENTION_DRY_RUN_OPERATIONS = {
  /**
   * The arguments of `policy-change`, or a proposal that waits. Answers a part: the counts of all parts are to be added; `after` is the `next`
   * of the part before. Nothing is kept of it, and it leaves no event.
   */
  'policy-dry-run': {
    asker: 'edge',
    args: z.strictObject({ organization: organization.optional(), policyId: opaqueId.optional(), rule: retentionRuleSchema.optional(), proposalId: opaqueId.optional(), after: dryRunPlaceSchema.optional() })
      .refine(({ policyId, rule, proposalId }) => (proposalId === undefined ? policyId !== undefined || rule !== undefined : policyId === undefined && rule === undefined), { path: ['rule'], message: 'must be a rule, a policy, or a proposal alone' }),
    result: dryRunPartSchema,
    faults: ['ORGANIZATION_UNKNOWN', 'POLICY_UNKNOWN', 'POLICY_CONTRADICTS', 'PROPOSAL_UNKNOWN'],
    reads: true,
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

import { z } from 'zod';
import { DATA_CLASSES, DELETION_ACTIONS, heldResourceSchema, resourceTypeSchema } from './holder.js';
import { noControls, opaqueId, organization, reason, time } from './identity-shapes.js';
import type { RetentionOperationContract } from './retention.js';

/** Policies: how long what is kept, and what becomes of it then (docs/spec/retention-rules.md). */

/** Of one organisation, or of the installation. */
export const POLICIES_MAX = 1_000;
/** That wait for a second person. */
export const PROPOSALS_MAX = 100;
/** A proposal that nobody has agreed to by then is void. */
export const PROPOSAL_MS = 7 * 86_400_000;

const line = (max: number) => z.string().trim().min(1).max(max).refine(noControls, 'must hold no control characters');
const count = (max: number) => z.number().int().min(0).max(max).optional();
/** Of the calendar in UTC: months first, to the last day of a month that is too short, then days. */
export const periodSchema = z.strictObject({ years: count(200), months: count(2_400), days: count(73_000) })
  .refine((period) => Object.values(period).some((count) => count !== undefined), 'must name years, months or days');

export const retentionRuleSchema = z.strictObject({
  /** What it is called; not personal. */
  name: line(200),
  /** Absent: all types. */
  type: resourceTypeSchema.optional(),
  /** Absent: all classes. */
  class: z.enum(DATA_CLASSES).optional(),
  keep: z.union([periodSchema, z.literal('for-ever')]).optional(),
  /** The law that demands the keeping: then not even its subject's request ends it, and he is shown this. */
  byLaw: line(256).optional(),
  dispose: z.strictObject({ after: periodSchema, action: z.enum(DELETION_ACTIONS) }).optional(),
}).refine(({ keep, dispose }) => keep !== undefined || dispose !== undefined, { path: ['keep'], message: 'must keep, dispose, or both' })
  .refine(({ keep, byLaw }) => byLaw === undefined || keep !== undefined, { path: ['byLaw'], message: 'is about keeping' })
  .meta({ examples: [{ name: 'Contracts', type: 'contract', keep: { years: 7 }, byLaw: 'HGB § 257' }] });
export type RetentionRule = z.output<typeof retentionRuleSchema>;

export const retentionPolicyViewSchema = z.strictObject({
  policyId: opaqueId,
  /** Absent: of the installation. */
  organization: organization.optional(),
  rule: retentionRuleSchema,
  version: z.number().int().positive(),
  setBy: opaqueId,
  /** Of a change that shortened. */
  approvedBy: opaqueId.optional(),
  changedAt: time,
});
export type RetentionPolicyView = z.output<typeof retentionPolicyViewSchema>;

export const proposalViewSchema = z.strictObject({
  proposalId: opaqueId,
  policyId: opaqueId,
  /** Absent: the policy is to be removed. */
  rule: retentionRuleSchema.optional(),
  reason,
  proposedBy: opaqueId,
  proposedAt: time,
  expiresAt: time,
});
export type ProposalView = z.output<typeof proposalViewSchema>;

const ofSet = { organization: organization.optional() };
const VERDICTS = ['held', 'kept', 'announced', 'waiting', 'due', 'blocked', 'unruled'] as const;

export const retentionOutcomeSchema = z.strictObject({
  verdict: z.enum(VERDICTS),
  action: z.enum(DELETION_ACTIONS).optional(),
  /** The earliest instant at which this may change by itself. */
  until: time.optional(),
  /** The most decisive first. */
  reasons: z.array(z.strictObject({ code: z.string(), id: z.string().optional(), version: z.number().int().optional(), at: time.optional(), action: z.enum(DELETION_ACTIONS).optional(), byLaw: z.string().optional() })),
});
export type RetentionOutcome = z.output<typeof retentionOutcomeSchema>;

/** As its owner has it. */
export const explainedResourceSchema = heldResourceSchema.omit({ tenant: true });

export const RETENTION_POLICY_OPERATIONS = {
  /** Of the organisation, or without one of the installation; and what waits for a second person. */
  'policy-list': {
    asker: 'edge',
    args: z.strictObject(ofSet),
    result: z.strictObject({ policies: z.array(retentionPolicyViewSchema), proposals: z.array(proposalViewSchema) }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /**
   * Without `policyId` a new one; without `rule` it is removed. What may have anything destroyed sooner becomes a proposal, to which another
   * person has to agree; anything else is in force when this returns. With `version` only if that is the policy's.
   */
  'policy-change': {
    asker: 'edge',
    args: z.strictObject({ ...ofSet, policyId: opaqueId.optional(), rule: retentionRuleSchema.optional(), version: z.number().int().positive().optional(), reason }),
    result: z.strictObject({ policyId: opaqueId, state: z.enum(['in-force', 'proposed', 'unchanged']), proposalId: opaqueId.optional() }),
    faults: ['ORGANIZATION_UNKNOWN', 'POLICY_UNKNOWN', 'POLICY_CONTRADICTS', 'POLICIES_TOO_MANY', 'PROPOSALS_TOO_MANY'],
    emits: ['retention.policy.changed', 'retention.policy.removed', 'retention.policy.proposed'],
  },
  /** By somebody else than whoever proposed it. */
  'proposal-approve': {
    asker: 'edge',
    args: z.strictObject({ ...ofSet, proposalId: opaqueId }),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'PROPOSAL_UNKNOWN', 'PROPOSAL_EXPIRED', 'SECOND_PERSON_REQUIRED', 'POLICIES_TOO_MANY'],
    emits: ['retention.policy.changed', 'retention.policy.removed'],
  },
  'proposal-withdraw': {
    asker: 'edge',
    args: z.strictObject({ ...ofSet, proposalId: opaqueId, reason }),
    result: z.strictObject({}),
    faults: ['ORGANIZATION_UNKNOWN', 'PROPOSAL_UNKNOWN'],
    emits: ['retention.policy.proposal-withdrawn'],
  },
  /** What holds for one resource now, and why. `clock` and `actions` are those of its type, where it is known and nothing else is said. */
  explain: {
    asker: 'edge',
    args: z.strictObject({ ...ofSet, resource: explainedResourceSchema, clock: z.enum(['created', 'closed', 'last-used']).optional(), actions: z.array(z.enum(DELETION_ACTIONS)).max(DELETION_ACTIONS.length).optional(), at: time.optional() }),
    result: retentionOutcomeSchema,
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

import { z } from 'zod';
import { ALERTS_AT_ONCE_MAX, assessmentSchema, draftViewSchema, DRAFT_CHARS_MAX, factText, INCIDENT_KINDS, INCIDENT_SEVERITIES, INCIDENT_STAGE_NAMES, incidentAlertSchema, incidentNoticeSchema, incidentSchema, incidentStageSchema, subjectId, SUBJECTS_AT_ONCE_MAX, TENANTS_AT_ONCE_MAX } from './incident-shapes.js';
import { nothing, opaqueId, organization, PAGE_MAX, time } from './identity-shapes.js';
import { tenantSchema } from './ledger-http.js';
import type { RetentionOperationContract } from './retention.js';

/** Security incidents, their clocks and notices. */

const one = { incidentId: opaqueId };
const page = { after: z.string().min(1).max(256).optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) };
const tenants = z.array(tenantSchema).max(TENANTS_AT_ONCE_MAX);
const why = factText(256);
const whole = z.strictObject({ incident: incidentSchema, stages: z.array(incidentStageSchema) });
const version = z.number().int().positive();
const facts = { kind: z.enum(INCIDENT_KINDS), severity: z.enum(INCIDENT_SEVERITIES), summary: factText(1_000) };
const OF_ONE = ['INCIDENT_UNKNOWN', 'INCIDENT_CLOSED'] as const;

export const RETENTION_INCIDENT_OPERATIONS = {
  /** By a person or a program; the clocks run from `awareAt`, by default now; `detectedAt`: by default the same. */
  'incident-open': {
    asker: 'edge',
    args: z.strictObject({ ...facts, detectedAt: time.optional(), awareAt: time.optional(), assessment: assessmentSchema.partial().optional(), tenants: tenants.optional() }),
    result: whole,
    faults: ['INCIDENTS_TOO_MANY'],
    emits: ['retention.incident.opened'],
  },
  /** Alerts that say they are incidents: one opens an incident, or belongs to the open one of its name and organisation. */
  'incident-alerts': {
    asker: 'edge',
    args: z.strictObject({ alerts: z.array(incidentAlertSchema).max(ALERTS_AT_ONCE_MAX) }),
    result: z.strictObject({ incidents: z.array(opaqueId) }),
    faults: ['INCIDENTS_TOO_MANY'],
    emits: ['retention.incident.opened', 'retention.incident.alert-added', 'retention.incident.alert-resolved'],
  },
  'incident-list': {
    asker: 'edge',
    args: z.strictObject({ state: z.enum(['open', 'closed']).default('open'), ...page }),
    result: z.strictObject({ incidents: z.array(incidentSchema), next: opaqueId.optional() }),
    faults: [],
    reads: true,
  },
  'incident-show': {
    asker: 'edge',
    args: z.strictObject(one),
    result: z.strictObject({ ...whole.shape, drafts: z.array(draftViewSchema), alerts: z.array(z.strictObject({ fingerprint: z.string(), name: z.string(), startsAt: time, resolvedAt: time.optional() })) }),
    faults: ['INCIDENT_UNKNOWN'],
    reads: true,
  },
  /** Those that affect an organisation, as it is told of them. */
  'incident-notices': {
    asker: 'edge',
    args: z.strictObject({ organization, ...page }),
    result: z.strictObject({ incidents: z.array(incidentNoticeSchema), next: opaqueId.optional() }),
    faults: ['ORGANIZATION_UNKNOWN'],
    reads: true,
  },
  /** Affected organisations, or with `tenant` the affected subjects of one. */
  'incident-affected': {
    asker: 'edge',
    args: z.strictObject({ ...one, tenant: tenantSchema.optional(), ...page }),
    result: z.strictObject({ tenants: z.array(z.strictObject({ tenant: tenantSchema, since: time, subjects: z.number().int().nonnegative() })).optional(), subjects: z.array(z.string()).optional(), next: z.string().optional() }),
    faults: ['INCIDENT_UNKNOWN'],
    reads: true,
  },
  /** What is known now; what is absent stays. `awareAt` sets the clocks anew. */
  'incident-assess': {
    asker: 'edge',
    args: z.strictObject({ ...one, kind: facts.kind.optional(), severity: facts.severity.optional(), summary: facts.summary.optional(), awareAt: time.optional(), assessment: assessmentSchema.partial().optional(), reason: why }),
    result: whole,
    faults: OF_ONE,
    emits: ['retention.incident.assessed'],
  },
  /** Organisations, and with `subjects` persons of one, are affected too. */
  'incident-affect': {
    asker: 'edge',
    args: z.strictObject({ ...one, tenants: tenants.min(1), subjects: z.array(subjectId).min(1).max(SUBJECTS_AT_ONCE_MAX).optional() })
      .refine(({ tenants, subjects }) => subjects === undefined || tenants.length === 1, { path: ['subjects'], message: 'are of one organisation' })
      .meta({ examples: [{ incidentId: 'AAAA', tenants: ['home'], subjects: ['user-7'] }] }),
    result: nothing,
    faults: [...OF_ONE, 'INCIDENT_TOO_LARGE'],
    emits: ['retention.incident.affected', 'retention.incident.subjects-added'],
  },
  /** They were not affected after all, nor their persons. */
  'incident-clear': {
    asker: 'edge',
    args: z.strictObject({ ...one, tenants: tenants.min(1), reason: why }),
    result: nothing,
    faults: OF_ONE,
    emits: ['retention.incident.cleared'],
  },
  /** Somebody has sent it, or says why it is not sent. Done late it takes a reason, as Article 33(1) of the GDPR does. */
  'incident-stage': {
    asker: 'edge',
    args: z.strictObject({ ...one, stage: z.enum(INCIDENT_STAGE_NAMES), outcome: z.enum(['done', 'waived']), at: time.optional(), sentTo: factText(200).optional(), reference: factText(200).optional(), reason: why.optional(), version: version.optional() }),
    result: whole,
    faults: [...OF_ONE, 'STAGE_NOT_OPEN', 'STAGE_REASON_MISSING', 'DRAFT_UNKNOWN'],
    emits: ['retention.incident.stage-done', 'retention.incident.stage-waived'],
  },
  /** A new version of a notice: of the facts on record, or as somebody has worded it. Nobody is sent it. */
  'incident-draft': {
    asker: 'edge',
    args: z.strictObject({ ...one, stage: z.enum(INCIDENT_STAGE_NAMES), tenant: tenantSchema.optional(), text: z.string().min(1).max(DRAFT_CHARS_MAX).optional() }),
    result: z.strictObject({ ...draftViewSchema.shape, text: z.string() }),
    faults: [...OF_ONE, 'INCIDENT_TOO_LARGE'],
    emits: ['retention.incident.drafted'],
  },
  'incident-draft-show': {
    asker: 'edge',
    args: z.strictObject({ ...one, stage: z.enum(INCIDENT_STAGE_NAMES), version }),
    result: z.strictObject({ ...draftViewSchema.shape, text: z.string() }),
    faults: ['INCIDENT_UNKNOWN', 'DRAFT_UNKNOWN'],
    reads: true,
  },
  /** Only when no stage is open. */
  'incident-close': {
    asker: 'edge',
    args: z.strictObject({ ...one, reason: why }),
    result: nothing,
    faults: [...OF_ONE, 'INCIDENT_STAGES_OPEN'],
    emits: ['retention.incident.closed'],
  },
  'incident-reopen': {
    asker: 'edge',
    args: z.strictObject({ ...one, reason: why }),
    result: nothing,
    faults: ['INCIDENT_UNKNOWN', 'INCIDENT_NOT_CLOSED'],
    emits: ['retention.incident.reopened'],
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

import { z } from 'zod';
import { tenantSchema } from './ledger-http.js';
import { noControls, opaqueId, time } from './identity-shapes.js';

/** What incidents are made of. Texts are on record for ever: no names of persons in them, and none of other organisations. */

export const INCIDENT_KINDS = ['ledger-integrity', 'unauthorised-access', 'disclosure', 'loss', 'malware', 'availability', 'other'] as const;
export type IncidentKind = (typeof INCIDENT_KINDS)[number];
export const INCIDENT_SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type IncidentSeverity = (typeof INCIDENT_SEVERITIES)[number];
/** docs/spec/incidents.md, "Stages"; a test holds them to libs/legal-clock. */
export const INCIDENT_STAGE_NAMES = ['early-warning', 'notification', 'final-report', 'breach-notification', 'organizations', 'subjects'] as const;
export type IncidentStageName = (typeof INCIDENT_STAGE_NAMES)[number];
/** `not-owed`: by the assessment as it is now. */
export const STAGE_STATES = ['open', 'done', 'waived', 'not-owed'] as const;
export type StageState = (typeof STAGE_STATES)[number];

/** Of the installation. */
export const OPEN_INCIDENTS_MAX = 1_000;
/** Of one incident. */
export const AFFECTED_TENANTS_MAX = 10_000;
export const AFFECTED_SUBJECTS_MAX = 1_000_000;
export const DRAFTS_MAX = 200;
/** Of one request. */
export const TENANTS_AT_ONCE_MAX = 500;
export const SUBJECTS_AT_ONCE_MAX = 500;
/** Within the seconds for which identity's answer about the sender counts. */
export const ALERTS_AT_ONCE_MAX = 200;
/** Of one version of a notice. */
export const DRAFT_CHARS_MAX = 30_000;

/** An address is what a person is known by; the ledger keeps it for ever. Tried from each `@` over a bounded stretch: no text makes it slow. */
const ADDRESS = /[^\s@]@[^\s@]{1,255}\.[^\s@]/;
export const factText = (max: number) => z.string().trim().min(1).max(max).refine(noControls, 'must hold no control characters').refine((text) => !ADDRESS.test(text), 'must hold no e-mail address: it is kept for ever');
/** As libs/holder has them; no address either. */
export const subjectId = z.string().min(1).max(256).regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must hold no control characters').refine((text) => !ADDRESS.test(text), 'must be an opaque id, no e-mail address');

const known = z.enum(['yes', 'no', 'unknown']);
/** What decides which stages are owed; what is not known counts as if it were so. */
export const assessmentSchema = z.strictObject({
  /** Significant, of an entity that Directive (EU) 2022/2555 is about (Article 23(3)). */
  significant: known,
  /** A breach of personal data (Regulation (EU) 2016/679, Article 4(12)). */
  personalData: known,
  /** To rights and freedoms of natural persons (Articles 33(1), 34(1)). */
  risk: z.enum(['unlikely', 'risk', 'high', 'unknown']),
});
export type IncidentAssessment = z.output<typeof assessmentSchema>;

export const incidentStageSchema = z.strictObject({
  stage: z.enum(INCIDENT_STAGE_NAMES),
  law: z.string(),
  /** The law names no hours: they are the platform's own limit. */
  isOwnLimit: z.boolean(),
  state: z.enum(STAGE_STATES),
  /** Why it is owed, or is not. */
  because: z.string(),
  /** The first instant that is too late. */
  dueAt: time,
  /** Done too late, or still open and due. */
  isLate: z.boolean(),
  /** When it was sent or waived. */
  settledAt: time.optional(),
  /** To whom it was sent: a role or an authority. */
  sentTo: z.string().optional(),
  /** Of a file at the authority. */
  reference: z.string().optional(),
  /** Why it was waived, or late. */
  reason: z.string().optional(),
  /** Version of the notice that was sent. */
  version: z.number().int().positive().optional(),
});
export type IncidentStageView = z.output<typeof incidentStageSchema>;

export const incidentSchema = z.strictObject({
  incidentId: opaqueId,
  kind: z.enum(INCIDENT_KINDS),
  severity: z.enum(INCIDENT_SEVERITIES),
  summary: z.string(),
  /** `alert`: of an Alertmanager; `ledger`: of a ledger that does not verify. */
  source: z.strictObject({ type: z.enum(['person', 'api', 'alert', 'ledger']), name: z.string().optional(), fingerprint: z.string().optional() }),
  state: z.enum(['open', 'closed']),
  detectedAt: time,
  /** From when the clocks run. */
  awareAt: time,
  openedAt: time,
  closedAt: time.optional(),
  assessment: assessmentSchema,
  tenants: z.number().int().nonnegative(),
  subjects: z.number().int().nonnegative(),
  /** The next one of the open stages is due. */
  nextDueAt: time.optional(),
});
export type IncidentView = z.output<typeof incidentSchema>;

/** What an organisation is told about an incident that affects it: nothing of others, and nothing that a person has worded for others. */
export const incidentNoticeSchema = z.strictObject({
  incidentId: opaqueId,
  kind: z.enum(INCIDENT_KINDS),
  severity: z.enum(INCIDENT_SEVERITIES),
  state: z.enum(['open', 'closed']),
  detectedAt: time,
  awareAt: time,
  affectedAt: time,
  /** Of this organisation. */
  subjects: z.number().int().nonnegative(),
});

export const incidentAlertSchema = z.strictObject({
  /** Of its labels, as Alertmanager makes it. */
  fingerprint: z.string().regex(/^[A-Za-z0-9]{1,64}$/, 'must be a fingerprint'),
  name: z.string().regex(/^[\w:.-]{1,100}$/, 'must be a name'),
  status: z.enum(['firing', 'resolved']),
  startsAt: time,
  endsAt: time.optional(),
  kind: z.enum(INCIDENT_KINDS),
  severity: z.enum(INCIDENT_SEVERITIES),
  tenant: tenantSchema.optional(),
});
export type IncidentAlert = z.output<typeof incidentAlertSchema>;

export const draftViewSchema = z.strictObject({ stage: z.enum(INCIDENT_STAGE_NAMES), version: z.number().int().positive(), tenant: tenantSchema.optional(), madeBy: z.string(), madeAt: time, digest: z.string(), openPlaces: z.number().int().nonnegative() });

import { z } from 'zod';
import { correlationIdSchema } from './identity.js';
import { standInSchema } from './identity-principals.js';

/** How the edge asks retention (docs/spec/retention-api.md). */

export const RETENTION_SERVICE = 'retention';
export const RETENTION_REQUEST_BYTES_MAX = 256 * 1024;

/** Who may ask: the bus lets each publish below its own name only. */
export const RETENTION_ASKERS = ['edge', 'identity'] as const;
export type RetentionAsker = (typeof RETENTION_ASKERS)[number];

/** `retention.<operation>.<asker>`. */
export const retentionSubject = (operation: string, asker: RetentionAsker): string => `retention.${operation}.${asker}`;

/**
 * Why retention refuses. Those about who asks are named as identity's.
 * - REQUEST_MALFORMED: about the request as such; `field` names what is wrong
 * - SUBJECT_REQUEST_UNKNOWN, SUBJECT_REQUEST_CLOSED: it was answered already; SUBJECT_REQUEST_NOT_WAITING: nobody has to do anything by hand
 * - SUBJECT_RESTRICTED: the person's data is kept and not used; RESTRICTION_UNKNOWN: nobody has demanded it, or it is over
 * - EXTENSION_NOT_POSSIBLE: once, before it is due, where the law knows one
 * - EXPORT_NOT_READY, CERTIFICATE_MISSING: not there yet, or there is none
 * - FILE_LINK_INVALID, FILE_LINK_EXPIRED, FILE_MISSING: about a link to a file
 * - COMMAND_DONE: it was carried out under this command id, and its answer was told once
 * - CONFLICT: somebody else changed the same thing; ask again
 * - POLICY_UNKNOWN, POLICY_CONTRADICTS: it would destroy what it keeps; POLICIES_TOO_MANY
 * - PROPOSAL_UNKNOWN: it was decided, or never was; PROPOSAL_EXPIRED; PROPOSALS_TOO_MANY
 * - SECOND_PERSON_REQUIRED: whoever asked for it cannot also agree to it
 * - HOLD_UNKNOWN, HOLD_RELEASED, HOLDS_TOO_MANY, QUERY_MALFORMED; HOLD_TOO_LARGE: what it names, for one event
 * - RELEASE_NOT_ASKED: nobody has asked for it, or too long ago
 * - INCIDENTS_TOO_MANY: are open; INCIDENT_UNKNOWN, INCIDENT_CLOSED, INCIDENT_NOT_CLOSED, INCIDENT_STAGES_OPEN: what is owed must be done or waived first; INCIDENT_TOO_LARGE: more than one holds
 * - STAGE_NOT_OPEN: it is not owed, or settled; STAGE_REASON_MISSING: it is late, or waived; DRAFT_UNKNOWN
 * - TYPE_UNKNOWN: nobody has registered it here; TYPE_FOREIGN: its name is not below that of the organisation; TYPES_TOO_MANY
 * - TYPE_OWNER_FIXED: another service holds it, or in another way
 * - CLASS_NOT_OF_TYPE, RESOURCES_TOO_MANY: about resources that are reported
 * - ORDER_UNKNOWN: nobody has fetched it; ORDER_EXPIRED: too late; ORDER_SETTLED: it was answered otherwise, or called back
 * - RETENTION_OVERLOADED: too much at once; `retryAfterMs`
 * - RETENTION_UNAVAILABLE: something that retention needs does not answer
 * - RETENTION_INTERNAL: a failure of the service, told in its log
 */
export const RETENTION_FAULT_CODES = [
  'REQUEST_MALFORMED',
  'UNAUTHENTICATED',
  'API_KEY_REFUSED',
  'API_KEY_REVOKED',
  'API_KEY_EXPIRED',
  'API_KEY_SUSPENDED',
  'FORBIDDEN',
  'MFA_ENROLLMENT_REQUIRED',
  'STEP_UP_REQUIRED',
  'PASSWORD_CHANGE_REQUIRED',
  'ORGANIZATION_UNKNOWN',
  'ORGANIZATION_CLOSED',
  'SUBJECT_REQUEST_UNKNOWN',
  'SUBJECT_REQUEST_CLOSED',
  'SUBJECT_REQUEST_NOT_WAITING',
  'SUBJECT_RESTRICTED',
  'RESTRICTION_UNKNOWN',
  'EXTENSION_NOT_POSSIBLE',
  'EXPORT_NOT_READY',
  'CERTIFICATE_MISSING',
  'FILE_LINK_INVALID',
  'FILE_LINK_EXPIRED',
  'FILE_MISSING',
  'COMMAND_DONE',
  'CONFLICT',
  'POLICY_UNKNOWN',
  'POLICY_CONTRADICTS',
  'POLICIES_TOO_MANY',
  'PROPOSAL_UNKNOWN',
  'PROPOSAL_EXPIRED',
  'PROPOSALS_TOO_MANY',
  'SECOND_PERSON_REQUIRED',
  'HOLD_UNKNOWN',
  'HOLD_RELEASED',
  'HOLDS_TOO_MANY',
  'HOLD_TOO_LARGE',
  'QUERY_MALFORMED',
  'RELEASE_NOT_ASKED',
  'INCIDENTS_TOO_MANY',
  'INCIDENT_UNKNOWN',
  'INCIDENT_CLOSED',
  'INCIDENT_NOT_CLOSED',
  'INCIDENT_STAGES_OPEN',
  'INCIDENT_TOO_LARGE',
  'STAGE_NOT_OPEN',
  'STAGE_REASON_MISSING',
  'DRAFT_UNKNOWN',
  'TYPE_UNKNOWN',
  'TYPE_FOREIGN',
  'TYPE_OWNER_FIXED',
  'TYPES_TOO_MANY',
  'CLASS_NOT_OF_TYPE',
  'RESOURCES_TOO_MANY',
  'ORDER_UNKNOWN',
  'ORDER_EXPIRED',
  'ORDER_SETTLED',
  'RETENTION_OVERLOADED',
  'RETENTION_UNAVAILABLE',
  'RETENTION_INTERNAL',
] as const;
export type RetentionFaultCode = (typeof RETENTION_FAULT_CODES)[number];

/** Where a request came from, and what stands for who asks. The edge vouches for the first; the second is judged by identity. */
export const retentionContextSchema = z.strictObject({
  ip: z.union([z.ipv4(), z.ipv6()]),
  /** Cut by the edge. */
  userAgent: z.string().max(512),
  correlationId: correlationIdSchema,
  /** Absent where a link stands for itself. */
  standIn: standInSchema.optional(),
  /** Of the first request with its Idempotency-Key: asked again under it, retention does not act a second time. */
  commandId: z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'must be 16 bytes in base64url').optional(),
});
export type RetentionContext = z.output<typeof retentionContextSchema>;

export const retentionRequestSchema = z.strictObject({ context: retentionContextSchema, args: z.unknown() });

export const retentionErrorSchema = z.strictObject({
  code: z.enum(RETENTION_FAULT_CODES),
  message: z.string(),
  field: z.string().optional(),
  retryAfterMs: z.number().int().positive().optional(),
});

/** What any operation leaves that somebody asked for without the right to it. */
export const RETENTION_DENIED_EVENT = 'retention.request.denied';

export interface RetentionOperationContract {
  readonly asker: RetentionAsker;
  /** What stands for itself: nobody is asked who he is. `service`: the bus says which service asks, for itself. */
  readonly auth?: 'link' | 'service';
  readonly args: z.ZodType;
  readonly result: z.ZodType;
  /** Beside {@link RETENTION_FAULTS_OF_ALL}. */
  readonly faults: readonly RetentionFaultCode[];
  /** Who changes something leaves an event: an operation either `emits` or `reads`. */
  readonly emits?: readonly string[];
  readonly reads?: true;
}

/** What any operation may be refused with. */
export const RETENTION_FAULTS_OF_ALL = [
  'REQUEST_MALFORMED', 'UNAUTHENTICATED', 'API_KEY_REFUSED', 'API_KEY_REVOKED', 'API_KEY_EXPIRED', 'API_KEY_SUSPENDED', 'FORBIDDEN', 'MFA_ENROLLMENT_REQUIRED', 'STEP_UP_REQUIRED', 'PASSWORD_CHANGE_REQUIRED',
  'CONFLICT', 'RETENTION_OVERLOADED', 'RETENTION_UNAVAILABLE', 'RETENTION_INTERNAL',
] as const satisfies readonly RetentionFaultCode[];

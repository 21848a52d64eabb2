import { z } from 'zod';
import { heldTypeSchema } from './holder-subjects.js';
import { tenantSchema } from './ledger-http.js';
import { opaqueId, PAGE_MAX, reason, time } from './identity-shapes.js';
import { keptSchema } from './retention-certificates.js';
import type { RetentionOperationContract } from './retention.js';

/** Requests of data subjects: export, correct, delete, restrict; and what is held of somebody. */

export const SUBJECT_REQUEST_KINDS = ['export', 'correct', 'delete', 'restrict'] as const;
export type SubjectRequestKind = (typeof SUBJECT_REQUEST_KINDS)[number];
export const PRIVACY_LAWS = ['gdpr', 'ccpa'] as const;
export type PrivacyLaw = (typeof PRIVACY_LAWS)[number];
/**
 * - `unverified`: came in by another way than an account; somebody must be sure who asked
 * - `working`: is being carried out; `waiting`: a person must do something first; `held`: a legal hold stands against it
 * - `ready`: an export lies there to be fetched
 */
export const SUBJECT_REQUEST_STATES = ['unverified', 'working', 'waiting', 'held', 'ready', 'completed', 'refused', 'withdrawn'] as const;
export type SubjectRequestState = (typeof SUBJECT_REQUEST_STATES)[number];

const kind = z.enum(SUBJECT_REQUEST_KINDS);
const law = z.enum(PRIVACY_LAWS);
const subject = z.string().min(1).max(256).regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must hold no control characters');
/** Longer than any (libs/files). */
export const linkToken = z.string().min(1).max(140);
const details = z.string().trim().min(1).max(4_000);

export const subjectRequestViewSchema = z.strictObject({
  requestId: opaqueId,
  kind,
  law,
  state: z.enum(SUBJECT_REQUEST_STATES),
  tenant: tenantSchema,
  subject,
  receivedAt: time,
  /** The first instant that is too late. */
  dueAt: time,
  isExtended: z.boolean(),
  isOverdue: z.boolean(),
  closedAt: time.optional(),
  /** Why it was refused, or what it waits for. */
  reason: z.string().optional(),
  /** Of an export that lies there: its size in bytes, SHA-256 and until when it does. */
  file: z.strictObject({ bytes: z.number().int().nonnegative(), digest: z.string(), until: time }).optional(),
  /** What is kept although deletion was asked for, and why. */
  kept: z.array(keptSchema).optional(),
});
export type SubjectRequestView = z.output<typeof subjectRequestViewSchema>;

/** What is answered to whoever asks; the same again, however far it is meanwhile. */
export const openedRequestSchema = z.strictObject({
  requestId: opaqueId,
  kind,
  law,
  receivedAt: time,
  dueAt: time,
  /** Of a deletion, to whoever asks for his own: where its certificate will be, since he will have no account any more. */
  certificateUrl: z.string().optional(),
});
export type OpenedRequest = z.output<typeof openedRequestSchema>;

/** Of somebody whose data is kept and not used. */
export const restrictionViewSchema = z.strictObject({
  tenant: tenantSchema,
  subject,
  /** By which it was demanded. */
  requestId: opaqueId,
  since: time,
  /** From when it is lifted, and why: its subject is shown both before. */
  liftsAt: time.optional(),
  reason: z.string().optional(),
});
export type RestrictionView = z.output<typeof restrictionViewSchema>;

const one = z.strictObject({ requestId: opaqueId });
const nothing = z.strictObject({});
const opened = ['retention.subject-request.opened', 'retention.subject-request.repeated', 'retention.subject-request.verified'] as const;
const done = [
  'retention.subject-request.completed', 'retention.subject-request.prepared', 'retention.subject-request.waiting', 'retention.erasure.begun', 'retention.erasure.certified', 'retention.subject-request.alerted', 'retention.restriction.placed',
] as const;

export const RETENTION_REQUEST_OPERATIONS = {
  /** What is held of whoever asks, what an erasure would do to it, and why what is kept is kept. */
  'privacy-show': { asker: 'edge', args: z.strictObject({}), result: z.strictObject({ types: z.array(heldTypeSchema), isRestricted: z.boolean(), restriction: restrictionViewSchema.pick({ since: true, liftsAt: true, reason: true }).optional() }), faults: [], reads: true },
  /** In one's own name; the same again while it is open is the same request. Export and deletion take a fresh proof of who asks. */
  'request-open': {
    asker: 'edge',
    args: z.strictObject({ kind, law: law.default('gdpr'), details: details.optional() }),
    result: openedRequestSchema,
    faults: [],
    emits: [...opened, ...done],
  },
  'request-own-list': { asker: 'edge', args: z.strictObject({}), result: z.strictObject({ requests: z.array(subjectRequestViewSchema) }), faults: [], reads: true },
  /** Of one's own, as long as it is not carried out. */
  'request-withdraw': { asker: 'edge', args: one, result: z.strictObject({}), faults: ['SUBJECT_REQUEST_UNKNOWN', 'SUBJECT_REQUEST_CLOSED'], emits: ['retention.subject-request.withdrawn'] },
  /** A link of minutes to an export that lies ready. */
  'request-link': {
    asker: 'edge',
    args: one,
    /** `vkey`: by it the archive is verified offline. */
    result: z.strictObject({ url: z.string(), until: time, vkey: z.string().optional() }),
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'EXPORT_NOT_READY', 'COMMAND_DONE'],
    emits: ['retention.file.link-issued'],
  },
  /** Signed; whoever has it checks it offline. */
  'request-certificate': {
    asker: 'edge',
    args: one,
    result: z.strictObject({ certificate: z.string(), vkey: z.string() }),
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'CERTIFICATE_MISSING'],
    reads: true,
  },
  /** In somebody else's name, who wrote, called or stood at the door; by whoever answers such requests. */
  'request-enter': {
    asker: 'edge',
    args: z.strictObject({ kind, law: law.default('gdpr'), tenant: tenantSchema, subject, receivedAt: time.optional(), details: details.optional() }),
    result: openedRequestSchema,
    faults: ['SUBJECT_RESTRICTED'],
    emits: opened,
  },
  'request-list': {
    asker: 'edge',
    args: z.strictObject({ state: z.enum(['open', 'closed']).default('open'), after: opaqueId.optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) }),
    result: z.strictObject({ requests: z.array(subjectRequestViewSchema), next: opaqueId.optional() }),
    faults: [],
    reads: true,
  },
  'request-show': { asker: 'edge', args: one, result: subjectRequestViewSchema, faults: ['SUBJECT_REQUEST_UNKNOWN'], reads: true },
  /** Somebody is sure who asked, and how; from then on it is carried out. */
  'request-verify': {
    asker: 'edge',
    args: z.strictObject({ requestId: opaqueId, how: reason }),
    result: nothing,
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'SUBJECT_REQUEST_CLOSED'],
    emits: ['retention.subject-request.verified', ...done],
  },
  /** Once, before it is due; the person is told the reason. */
  'request-extend': {
    asker: 'edge',
    args: z.strictObject({ requestId: opaqueId, reason }),
    result: nothing,
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'SUBJECT_REQUEST_CLOSED', 'EXTENSION_NOT_POSSIBLE'],
    emits: ['retention.subject-request.extended'],
  },
  /** What a person had to do is done: a correction was made, or an export handed out that is too large for an archive. */
  'request-complete': {
    asker: 'edge',
    args: z.strictObject({ requestId: opaqueId, outcome: reason }),
    result: nothing,
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'SUBJECT_REQUEST_CLOSED', 'SUBJECT_REQUEST_NOT_WAITING'],
    emits: ['retention.subject-request.completed'],
  },
  'request-refuse': {
    asker: 'edge',
    args: z.strictObject({ requestId: opaqueId, reason }),
    result: nothing,
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'SUBJECT_REQUEST_CLOSED'],
    emits: ['retention.subject-request.refused', 'retention.restriction.lifted'],
  },
  /** Those that stand: whoever uses what is held of persons asks for them, and leaves these out. */
  'restriction-list': {
    asker: 'edge',
    args: z.strictObject({ after: opaqueId.optional(), limit: z.number().int().min(1).max(PAGE_MAX).default(50) }),
    result: z.strictObject({ restrictions: z.array(restrictionViewSchema), next: opaqueId.optional() }),
    faults: [],
    reads: true,
  },
  /** After the time of announcement, in which its subject is shown that and why. */
  'restriction-lift': {
    asker: 'edge',
    args: z.strictObject({ requestId: opaqueId, reason }),
    result: z.strictObject({ liftsAt: time }),
    faults: ['SUBJECT_REQUEST_UNKNOWN', 'RESTRICTION_UNKNOWN'],
    emits: ['retention.restriction.lifted'],
  },
  /** Of one's own, at once. */
  'restriction-lift-own': { asker: 'edge', args: z.strictObject({}), result: z.strictObject({ liftsAt: time }), faults: ['RESTRICTION_UNKNOWN'], emits: ['retention.restriction.lifted'] },
  /** One chunk of a file, by whoever has a link to it. */
  'file-read': {
    asker: 'edge', auth: 'link',
    args: z.strictObject({ token: linkToken, chunk: z.number().int().nonnegative() }),
    result: z.strictObject({ bytes: z.string(), chunks: z.number().int().positive(), size: z.number().int().nonnegative(), name: z.string() }),
    faults: ['FILE_LINK_INVALID', 'FILE_LINK_EXPIRED', 'FILE_MISSING'],
    emits: ['retention.file.handed-out'],
  },
  'certificate-read': {
    asker: 'edge', auth: 'link',
    args: z.strictObject({ token: linkToken }),
    result: z.strictObject({ certificate: z.string(), vkey: z.string() }),
    faults: ['FILE_LINK_INVALID', 'FILE_LINK_EXPIRED', 'CERTIFICATE_MISSING'],
    reads: true,
  },
} as const satisfies Readonly<Record<string, RetentionOperationContract>>;

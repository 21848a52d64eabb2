import { z } from 'zod';
import { verdictSchema } from './messages.js';

/** What the ledger's read API takes and gives, by HTTP (docs/spec/ledger-http.md). */

export const SEARCH_LIMIT_DEFAULT = 50;
export const SEARCH_LIMIT_MAX = 500;
export const LIST_LIMIT_DEFAULT = 100;
export const LIST_LIMIT_MAX = 1_000;
const OPAQUE_ID_CHARS_MAX = 256;
const CURSOR_CHARS_MAX = 64;

const whole = z.number().int().nonnegative();
const hashHex = z.string().regex(/^[0-9a-f]{64}$/);
const hashBase64 = z.string().length(44);
const severity = z.enum(['info', 'notice', 'warning', 'alert']);

/** A whole number as a path or a query writes it: decimal, no sign, no leading zero. */
const wholeText = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,15})$/, 'must be a whole number')
  .transform(Number)
  .refine(Number.isSafeInteger, 'must be at most 2^53-1');

const limitText = (limitMax: number, limitDefault: number) =>
  wholeText.refine((limit) => limit >= 1 && limit <= limitMax, `must be 1 to ${limitMax}`).default(limitDefault);

// The year 0 exists in RFC 3339 and in no database.
const utcTime = z.iso.datetime('must be RFC 3339 UTC').refine((time) => !time.startsWith('0000'), 'must be in year 1 or later');

export const tenantSchema = z.string().regex(/^[a-z0-9-]{1,63}$/, 'must be 1 to 63 of a-z, 0-9 and hyphen');
export const eventIdSchema = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'must be a lower-case UUID');
export const leafIndexSchema = wholeText;

/** `GET /ledgers?after=&limit=` */
export const ledgersQuerySchema = z.strictObject({
  after: tenantSchema.optional(),
  limit: limitText(LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT),
});

/** `GET /ledgers/:tenant/consistency?from=&to=`; `to` is the latest checkpoint's size when absent. */
export const consistencyQuerySchema = z.strictObject({ from: wholeText, to: wholeText.optional() });

/** PostgreSQL has no NUL in a text: asking for one would fail instead of finding nothing. */
const searchedId = z.string().min(1).max(OPAQUE_ID_CHARS_MAX).refine((text) => !text.includes('\0'), 'must hold no NUL');

/** `GET /ledgers/:tenant/events?…`: every filter given must match. */
export const searchQuerySchema = z.strictObject({
  /** Whole dotted words from the left: `identity` finds `identity.session.created`, never `identity-x.…`. */
  type: z
    .string()
    .max(200)
    .regex(/^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*$/, 'must be dotted lower-case words')
    .optional(),
  actor: searchedId.optional(),
  resource: searchedId.optional(),
  /** At least this severe. */
  severity: severity.optional(),
  /** Happened at or after; RFC 3339 UTC. */
  from: utcTime.optional(),
  /** Happened before; RFC 3339 UTC. */
  to: utcTime.optional(),
  cursor: z.string().min(1).max(CURSOR_CHARS_MAX).optional(),
  limit: limitText(SEARCH_LIMIT_MAX, SEARCH_LIMIT_DEFAULT),
});
export type SearchQuery = z.output<typeof searchQuerySchema>;

/** `GET /ledgers/:tenant/refused?before=&limit=`, newest first; `before` is the last refusalId seen. */
export const refusedQuerySchema = z.strictObject({
  before: wholeText.optional(),
  limit: limitText(LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT),
});

/** `GET /ledgers/:tenant/verdicts?limit=` */
export const verdictsQuerySchema = z.strictObject({ limit: limitText(LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT) });

/** `POST /ledgers/:tenant/verifications`: leaves [fromIndex, toIndex), the whole ledger when absent. */
export const verifyRangeSchema = z
  .strictObject({ fromIndex: whole.optional(), toIndex: whole.optional() })
  .refine(({ fromIndex = 0, toIndex }) => toIndex === undefined || fromIndex < toIndex, {
    message: 'must be greater than fromIndex',
    path: ['toIndex'],
  });
export type VerifyRange = z.output<typeof verifyRangeSchema>;

export const ledgerSummarySchema = z.strictObject({
  tenant: z.string(),
  origin: z.string(),
  treeSize: whole,
  /** 0 before the first checkpoint. */
  checkpointSize: whole,
  indexedSize: whole,
});
export type LedgerSummary = z.infer<typeof ledgerSummarySchema>;

export const ledgersPageSchema = z.strictObject({ ledgers: z.array(ledgerSummarySchema), next: z.string().optional() });

export const ledgerSchema = z.strictObject({
  tenant: z.string(),
  origin: z.string(),
  /** Verifier keys of the ledger's own checkpoints (C2SP signed-note). */
  vkeys: z.array(z.string()),
  treeSize: whole,
  checkpoint: z.strictObject({ treeSize: whole, root: hashBase64, note: z.string() }).optional(),
  indexedSize: whole,
  verdict: verdictSchema.optional(),
});
export type LedgerView = z.infer<typeof ledgerSchema>;

/**
 * A part of an event as it is now. `destroyed`: its bytes are gone, lawfully or not; `altered`: its bytes are not those
 * that the entry names; `erased`: its subject's key was destroyed, so nobody can read them ever again; `unavailable`: it is
 * encrypted and cannot be opened now, `code` says why: KEYS_UNAVAILABLE above all, while the key service is away.
 */
export const partViewSchema = z.strictObject({
  name: z.enum(['data', 'personal']),
  subject: z.string().optional(),
  state: z.enum(['present', 'erased', 'unavailable', 'destroyed', 'altered']),
  code: z.string().optional(),
  /** The JSON value, when present. */
  value: z.unknown().optional(),
});
export type PartView = z.infer<typeof partViewSchema>;

/** A recorded event. `entry` is absent, and `fault` says why, when the stored bytes cannot be read as an entry. */
export const recordedEventSchema = z.strictObject({
  index: whole,
  eventHash: hashHex,
  entry: z.record(z.string(), z.unknown()).optional(),
  parts: z.array(partViewSchema),
  fault: z.string().optional(),
});
export type RecordedEvent = z.infer<typeof recordedEventSchema>;

/** Newest first. No `next`: nothing older matches. Events from `indexedSize` on are not searched yet. */
export const searchPageSchema = z.strictObject({
  events: z.array(recordedEventSchema),
  indexedSize: whole,
  next: z.string().optional(),
});
export type SearchPage = z.infer<typeof searchPageSchema>;

/** Proof that the tree of `to` leaves extends the tree of `from`; both roots lead to the signed checkpoint. */
export const consistencySchema = z.strictObject({
  from: whole,
  to: whole,
  fromRoot: hashBase64,
  toRoot: hashBase64,
  proof: z.array(hashBase64),
  checkpoint: z.string(),
});
export type Consistency = z.infer<typeof consistencySchema>;

export const refusedEventSchema = z.strictObject({
  refusalId: whole,
  receivedAt: z.string(),
  source: z.string(),
  eventId: z.string().optional(),
  code: z.string(),
  field: z.string().optional(),
  message: z.string(),
});
export type RefusedEvent = z.infer<typeof refusedEventSchema>;
export const refusedPageSchema = z.strictObject({ refused: z.array(refusedEventSchema), next: whole.optional() });

/** A run of sequence numbers, both ends included. */
const sequenceRunSchema = z.strictObject({ first: whole, last: whole });

/** A producer whose numbering has holes that are no longer merely late, or that has fallen silent. */
export const producerReportSchema = z.strictObject({
  source: z.string(),
  producerId: z.string(),
  highestSequence: whole,
  lastSeenAt: z.string(),
  silent: z.boolean(),
  missingCount: whole,
  /** The lowest runs of missing numbers, as many as the report holds. */
  missing: z.array(sequenceRunSchema),
});
export type ProducerReport = z.infer<typeof producerReportSchema>;
export const producersPageSchema = z.strictObject({ checkedAt: z.string().optional(), producers: z.array(producerReportSchema) });

export const verdictsPageSchema = z.strictObject({ verdicts: z.array(verdictSchema) });

/** RFC 9457. `code` is stable for ever; `field` names the part of the request at fault. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
  field: z.string().optional(),
  correlationId: z.string(),
});
export type Problem = z.infer<typeof problemSchema>;

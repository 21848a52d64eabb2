import { z } from 'zod';
import { receiptSchema } from './messages.js';

/**
 * Events over HTTP (docs/how-to/send-events-over-http.md). The shape of an event is described here for readers; what decides is the rules of
 * docs/spec/ledger-format.md, "Event".
 */

const opaque = z.string().min(1).max(256);
const object = z.record(z.string(), z.unknown());

/** `source` is always `http`, and `tenant` the organisation of the key: both may be left out. */
export const ingestedEventSchema = z.strictObject({
  id: z.string().regex(/^(?!0{8}-0{4}-0{4}-0{4}-0{12}$)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/).describe('Lower-case UUID, version 7 recommended. The same event sent again gets the same receipt.'),
  type: z.string().max(200).regex(/^http\.[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*){2,}$/).describe('http.<name of the service account>.<noun>.<verb-past>'),
  time: z.iso.datetime(),
  source: z.literal('http').optional(),
  tenant: z.string().regex(/^[a-z0-9-]{1,63}$/).optional(),
  severity: z.enum(['info', 'notice', 'warning', 'alert']).optional(),
  outcome: z.enum(['success', 'failure', 'denied']).optional(),
  actor: z.strictObject({ type: z.enum(['user', 'service']), id: opaque }).optional().describe('A user, or the sending service, which it is by default.'),
  resource: z.strictObject({ type: opaque, id: opaque }).optional(),
  correlationId: opaque.optional(),
  data: object.optional(),
  personal: z.array(z.strictObject({ subject: opaque, data: object })).min(1).max(16).optional(),
});

const id = z.string();
export const ingestResultSchema = z.discriminatedUnion('status', [
  /** `repeated`: it was recorded before, and this is its receipt. */
  z.strictObject({ id, status: z.enum(['recorded', 'repeated']), receipt: receiptSchema }),
  z.strictObject({ id: id.optional(), status: z.literal('refused'), code: z.string(), field: z.string().optional(), detail: z.string() }),
  /** Perhaps recorded, perhaps not. Sent again it is recorded once. */
  z.strictObject({ id, status: z.literal('unknown'), code: z.enum(['LEDGER_UNAVAILABLE', 'RECEIPT_OUTSTANDING']) }),
]);
export type IngestResult = z.output<typeof ingestResultSchema>;

/** One result for each event, in order. */
export const ingestResultsSchema = z.strictObject({ results: z.array(ingestResultSchema) });

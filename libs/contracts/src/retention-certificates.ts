import { z } from 'zod';
import { keyIdSchema } from './keys.js';
import { tenantSchema } from './ledger-http.js';

/** What certificates say (docs/spec/retention-certificates.md). */

const time = z.iso.datetime();
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -');
const word = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be a word');
/** Of customers' services and types the first word is their organisation's name. */
const dotted = z.string().max(128).regex(/^[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*$/, 'must be dotted lower-case words');
const whole = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What one service has destroyed of one type of what it held. */
export const scrubbedSchema = z.strictObject({ holder: dotted, type: dotted, class: word, action: z.enum(['deleted', 'scrubbed', 'shredded']), count: whole });
export type Scrubbed = z.output<typeof scrubbedSchema>;

/** What is kept although its subject asked for erasure, and why: this is what the person is shown. */
export const keptSchema = z.strictObject({ holder: dotted, type: dotted, class: word, reason: z.string().min(1).max(256), count: whole.optional(), until: time.optional() });
export type Kept = z.output<typeof keptSchema>;

export const erasureStatementSchema = z.strictObject({
  certificate: id,
  request: id,
  tenant: tenantSchema,
  subject: z.string().min(1).max(256),
  requestedAt: time,
  completedAt: time,
  /** Of each tenant in which the subject was known; `receipt`: SHA-256 of the destruction receipt. */
  keys: z.array(z.strictObject({ tenant: tenantSchema, keyId: keyIdSchema.optional(), receipt: sha256 })),
  scrubbed: z.array(scrubbedSchema),
  kept: z.array(keptSchema),
});
export type ErasureStatement = z.output<typeof erasureStatementSchema>;

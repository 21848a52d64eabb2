import { z } from 'zod';
import { resourceTypeSchema } from './holder.js';
import { retentionErrorSchema } from './retention.js';
import { typeDescriptionSchema } from './retention-types.js';

/** How a service on NATS registers what it holds (docs/spec/holders.md, "Over NATS"). */

export const HOLDER_TYPE_BYTES_MAX = 4 * 1024;

/** Whose, and which service asks: the bus lets each publish here under its own names only. */
export const holderTypesSubject = (tenant: string, service: string): string => `holder-types.${tenant}.${service}`;

/** The service is the one that the subject names. */
export const holderTypeRequestSchema = typeDescriptionSchema.omit({ service: true }).extend({
  type: resourceTypeSchema,
  /** Whether the service answers for persons of whom it holds such a thing (`held-subject`, `held-export`, `held-scrub-subject`). */
  persons: z.boolean().default(false),
});
export type HolderTypeRequest = z.input<typeof holderTypeRequestSchema>;

export const holderTypeReplySchema = z.union([z.strictObject({ result: z.strictObject({ type: resourceTypeSchema }) }), z.strictObject({ error: retentionErrorSchema })]);
export type HolderTypeReply = z.output<typeof holderTypeReplySchema>;

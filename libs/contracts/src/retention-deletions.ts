import { z } from 'zod';
import { DATA_CLASSES, DELETION_ACTIONS, heldIdSchema, orderIdSchema, resourceTypeSchema } from './holder.js';
import { tenantSchema } from './ledger-http.js';

/** What a deletion certificate says of one order (docs/spec/retention-certificates.md). */
const count = z.number().int().nonnegative();
const time = z.iso.datetime();
const word = z.string().min(1).max(256);

export const deletionStatementSchema = z.strictObject({
  /** Id of the certificate and of the order. */
  certificate: orderIdSchema,
  tenant: tenantSchema,
  holder: word,
  type: resourceTypeSchema,
  class: z.enum(DATA_CLASSES),
  action: z.enum(DELETION_ACTIONS),
  resources: count,
  items: count,
  /** SHA-256 in hex over {@link deletionList} of the resources that are gone. */
  listSha256: z.string().regex(/^[0-9a-f]{64}$/),
  policy: word,
  policyVersion: count,
  setBy: word,
  /** Absent where nobody else had to approve. */
  approvedBy: word.optional(),
  orderedAt: time,
  executedAt: time,
});
export type DeletionStatement = z.output<typeof deletionStatementSchema>;

/** Ids in the order of the bytes of their UTF-8, each followed by a line feed. Throws ZodError for what is no id. */
export function deletionList(ids: readonly string[]): string {
  for (const id of ids) heldIdSchema.parse(id);
  return [...ids].sort(byCodePoint).map((id) => `${id}\n`).join('');
}

/** Unlike the default order, which is that of UTF-16's units, this one is that of UTF-8's bytes, which every language has. */
function byCodePoint(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = left[at]!.codePointAt(0)! - right[at]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

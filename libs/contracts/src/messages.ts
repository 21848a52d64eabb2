import { z } from 'zod';

/** One committed event. `{id, tenant, index, eventHash, recordedAt}` as docs/spec/ledger-format.md says. */
export const receiptSchema = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  index: z.number().int().nonnegative(),
  eventHash: z.string().length(64),
  recordedAt: z.string(),
});

/**
 * Body of `ledger.receipt.<source>`, at most 500 receipts.
 * `recorded` were committed by this delivery, `repeated` had been committed before (a retry gets the same receipt).
 */
export const receiptBatchSchema = z.strictObject({
  recorded: z.array(receiptSchema),
  repeated: z.array(receiptSchema),
});
export type ReceiptBatch = z.infer<typeof receiptBatchSchema>;

/** One refused event. `id` is absent when none could be read. The event itself lies in the ledger's quarantine. */
export const refusalSchema = z.strictObject({
  id: z.string().optional(),
  tenant: z.string(),
  code: z.string(),
  field: z.string().optional(),
  message: z.string(),
});
export type Refusal = z.infer<typeof refusalSchema>;

/** Body of `ledger.refused.<source>`. */
export const refusalBatchSchema = z.strictObject({ refusals: z.array(refusalSchema) });
export type RefusalBatch = z.infer<typeof refusalBatchSchema>;

/** Result of a verification: body of `ledger.integrity.<tenant>`, and of the ledger's verification endpoints. */
export const verdictSchema = z.strictObject({
  tenant: z.string(),
  verdict: z.enum(['intact', 'broken']),
  /** `tail`: since the last pass; `full`: from leaf 0; `range`: asked for. */
  kind: z.enum(['tail', 'full', 'range']),
  /** Leaves [fromIndex, toIndex) were read. */
  fromIndex: z.number().int().nonnegative(),
  toIndex: z.number().int().nonnegative(),
  treeSize: z.number().int().nonnegative(),
  startedAt: z.string(),
  finishedAt: z.string(),
  fault: z
    .strictObject({
      code: z.string(),
      message: z.string(),
      /** The break lies in leaves [firstIndex, lastIndex]. */
      firstIndex: z.number().int().nonnegative(),
      lastIndex: z.number().int().nonnegative(),
      firstBadTime: z.string(),
    })
    .optional(),
});
export type Verdict = z.infer<typeof verdictSchema>;

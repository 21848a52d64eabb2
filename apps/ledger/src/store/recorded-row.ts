import { decodeEntry, leafHash } from '@countersign/chain';
import type { Recorded } from '../append/batch.js';

/** The receipt that a stored entry stands for, derived from its bytes alone. Throws ENTRY_MALFORMED. */
export function recordedFromRow(row: { readonly entry: Buffer; readonly content_digest: Buffer | null }): Recorded {
  const { id, tenant, index, recordedAt } = decodeEntry(row.entry);
  const eventHash = leafHash(row.entry).toString('hex');
  return { receipt: { id, tenant, index, eventHash, recordedAt }, contentDigest: row.content_digest?.toString('hex') };
}

import { randomFillSync } from 'node:crypto';

/** 96 bits: the length for which GCM takes the IV as it is (NIST SP 800-38D §5.2.1.1, §8.2). */
export const IV_BYTES = 12;
const POOLED_IVS = 256;

// Filled at first use, so that a start-up snapshot of the process holds no IVs that its copies would share.
const pool = Buffer.alloc(POOLED_IVS * IV_BYTES);
const ivs = Array.from({ length: POOLED_IVS }, (_, at) => pool.subarray(at * IV_BYTES, (at + 1) * IV_BYTES));
let taken = POOLED_IVS;

/**
 * A fresh random IV (NIST SP 800-38D §8.2.2, RBG-based construction). Drawn from node:crypto in lots, because a draw of
 * 12 bytes costs ten times as much. A view that is overwritten after 255 further calls: use it before anything waits.
 */
export function randomIv(): Uint8Array {
  if (taken === POOLED_IVS) {
    randomFillSync(pool);
    taken = 0;
  }
  const iv = ivs[taken]!;
  taken += 1;
  return iv;
}

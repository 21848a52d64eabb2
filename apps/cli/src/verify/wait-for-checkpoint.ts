import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerView } from '@countersign/contracts';
import type { LedgerApi } from '../ledger-api.js';

/** A checkpoint follows an append within a second; a busy machine gets some more. */
export const CHECKPOINT_LIMIT_MS = 10_000;
const POLL_MS = 100;

/**
 * The state of a ledger once a checkpoint covers everything that is recorded now, so that what was just recorded is
 * verified, exported and proved. After `limitMs` the state as it is then: a broken ledger signs nothing more.
 */
export async function waitForCheckpoint(api: LedgerApi, tenant: string, limitMs = CHECKPOINT_LIMIT_MS): Promise<LedgerView> {
  const untilMs = performance.now() + limitMs;
  const { treeSize } = await api.ledger(tenant);
  for (;;) {
    const view = await api.ledger(tenant);
    if ((view.checkpoint?.treeSize ?? 0) >= treeSize || performance.now() > untilMs) return view;
    await sleep(POLL_MS);
  }
}

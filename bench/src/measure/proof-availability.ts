import { setTimeout as sleep } from 'node:timers/promises';
import { parseTlogProof, verifyTlogProof, type Receipt, type Vkey } from '@countersign/chain';
import type { SampledReceipt } from '../child/producer-messages.js';
import type { LedgerApi } from '../ledger-api.js';
import type { BenchStack } from '../stack.js';

const POLL_MS = 15;
const WAIT_LIMIT_MS = 30_000;
/** Events a second whose proof is waited for, among all that are emitted. */
const SAMPLES_A_SECOND = 8;

/** Milliseconds from an event's receipt until the ledger hands out a proof of it that verifies, under a steady load. */
export async function proofAvailability(stack: BenchStack, api: LedgerApi, perSecond: number, seconds: number): Promise<readonly number[]> {
  const { origin } = await api.view();
  const vkeys = await api.vkeys();
  const waits: Promise<number>[] = [];
  const onReceipt = (sampled: SampledReceipt): unknown => waits.push(untilProven(api, sampled, origin, vkeys));
  await stack.producer.paced(perSecond, seconds, Math.max(1, Math.floor(perSecond / SAMPLES_A_SECOND)), onReceipt);
  return Promise.all(waits);
}

async function untilProven(api: LedgerApi, { receipt, atMs }: SampledReceipt, origin: string, vkeys: readonly Vkey[]): Promise<number> {
  for (;;) {
    const answer = await fetch(`${api.url}/ledgers/${api.tenant}/proofs/${receipt.id}`);
    const text = await answer.text();
    const waitedMs = performance.timeOrigin + performance.now() - atMs;
    if (answer.ok) {
      checkProof(text, receipt, origin, vkeys);
      return waitedMs;
    }
    if (waitedMs > WAIT_LIMIT_MS) throw new Error(`no proof of ${receipt.id} after ${WAIT_LIMIT_MS} ms: ${answer.status} ${text}`);
    await sleep(POLL_MS);
  }
}

/** Throws unless the proof file proves what the receipt says. */
export function checkProof(text: string, receipt: Pick<Receipt, 'index'> & Partial<Receipt>, origin: string, vkeys: readonly Vkey[]): void {
  const entry = parseTlogProof(text).extra;
  if (entry === undefined) throw new Error('the proof file holds no entry');
  const { leafIndex, leafHash } = verifyTlogProof(text, { entry, origin, vkeys });
  const isSame = leafIndex === receipt.index && (receipt.eventHash === undefined || leafHash.toString('hex') === receipt.eventHash);
  if (!isSame) throw new Error(`the proof of leaf ${leafIndex} is not the one that was asked for`);
}

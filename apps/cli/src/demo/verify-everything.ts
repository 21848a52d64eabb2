import { join } from 'node:path';
import { verdictSchema } from '@countersign/contracts';
import { CliError, EXIT } from '../exit-code.js';
import { parseKey } from '../keys.js';
import { LedgerApi, ledgerPath } from '../ledger-api.js';
import { VerifierMemory } from '../memory.js';
import { NO_PROGRESS } from '../progress.js';
import { LOCAL_PLACE } from '../verify/live-ledger.js';
import { requireIntact } from '../verify/verify-live.js';
import { verifyProofFile } from '../verify/verify-proof-file.js';
import { verifyStream } from '../verify/verify-stream.js';
import { waitForCheckpoint } from '../verify/wait-for-checkpoint.js';
import type { RunningStack } from '../stack/start-stack.js';
import type { SentWorkload } from './send-workload.js';

const CHECKPOINT_LIMIT_MS = 30_000;
const VERIFICATION_TIMEOUT_MS = 600_000;

export interface VerifiedLedger {
  readonly tenant: string;
  readonly origin: string;
  readonly treeSize: number;
  /** Base64. */
  readonly root: string;
  readonly seconds: number;
  /** Size of the tree that an earlier run verified, if any. */
  readonly consistentWith: number | undefined;
}

/**
 * Verifies every ledger of a stack twice: by the ledger itself, and from its export with nothing but the public keys,
 * against what earlier runs saw. Throws CliError or ChainFault at the first fault.
 */
export async function verifyEverything(stack: RunningStack): Promise<VerifiedLedger[]> {
  const api = new LedgerApi(stack.ledgerUrl);
  const memory = new VerifierMemory(join(stack.files.verifier, 'seen'), stack.files.verifier);
  const verified: VerifiedLedger[] = [];
  for (const { tenant, treeSize } of await api.ledgers()) {
    if (treeSize > 0) verified.push(await verifyLedger(api, memory, tenant, treeSize));
  }
  return verified;
}

async function verifyLedger(api: LedgerApi, memory: VerifierMemory, tenant: string, treeSize: number): Promise<VerifiedLedger> {
  const startedMs = performance.now();
  const { checkpoint, vkeys } = await waitForCheckpoint(api, tenant, CHECKPOINT_LIMIT_MS);
  if ((checkpoint?.treeSize ?? 0) < treeSize) {
    throw new CliError(EXIT.unreachable, 'CHECKPOINT_TIMEOUT', `no checkpoint of ${tenant} covers its ${treeSize} entries after ${CHECKPOINT_LIMIT_MS / 1000} s`);
  }
  requireIntact(await api.json(ledgerPath(tenant, '/verifications'), verdictSchema, {}, VERIFICATION_TIMEOUT_MS));
  const keys = (await memory.pinned(`${LOCAL_PLACE}/ledgers/${tenant}`, vkeys)).map(parseKey);
  const { origin, root, treeSize: size, consistentWith } = await verifyStream(api.stream(ledgerPath(tenant, '/export')), { keys, memory, progress: NO_PROGRESS });
  return { tenant, origin, treeSize: size, root: root.toString('base64'), seconds: (performance.now() - startedMs) / 1000, consistentWith };
}

/** Fetches the proof of one event and verifies it with the public keys. Throws CliError, ChainFault. */
export async function verifySample(stack: RunningStack, { tenant, id }: SentWorkload['sample']): Promise<void> {
  const api = new LedgerApi(stack.ledgerUrl);
  const keys = (await api.ledger(tenant)).vkeys.map(parseKey);
  const memory = new VerifierMemory(join(stack.files.verifier, 'seen'), stack.files.verifier);
  const { entry } = verifyProofFile(await api.text(ledgerPath(tenant, `/proofs/${id}`)), keys, memory);
  if (entry.id !== id) throw new CliError(EXIT.fault, 'EVENT_ID_MISMATCH', 'FAILED: EVENT_ID_MISMATCH: the proof is about another event');
}


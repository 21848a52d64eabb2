import { verdictSchema } from '@countersign/contracts';
import type { Verdict } from '@countersign/contracts';
import { CliError, EXIT } from '../exit-code.js';
import { progressFor } from '../io.js';
import type { Io } from '../io.js';
import { ledgerPath } from '../ledger-api.js';
import type { Output } from '../output.js';
import { openLiveLedger } from './live-ledger.js';
import type { LiveLedger, VerifierOptions } from './live-ledger.js';
import { verifyStream } from './verify-stream.js';
import type { CheckedStream } from './verify-stream.js';

/** Verifying in the ledger reads its whole history too. */
const VERIFICATION_TIMEOUT_MS = 600_000;

export interface LiveCheck extends CheckedStream {
  readonly live: LiveLedger;
}

/**
 * Verifies a running ledger from outside: its whole export, with this verifier's keys and memory. The ledger's own
 * verdict counts as well, because it sees tiles and tables that an export does not hold. Throws CliError, ChainFault.
 */
export async function verifyLive(options: VerifierOptions, io: Io, output: Output): Promise<LiveCheck> {
  const live = await openLiveLedger(options, io);
  const { api, tenant, keys, memory } = live;
  const progress = progressFor(output, `verify ${tenant}`, 'events');
  const checked = await verifyStream(api.stream(ledgerPath(tenant, '/export')), { keys, memory, progress }).catch(async (error: unknown) => {
    throw await explainBreak(live, error);
  });
  requireIntact(live.view.verdict);
  return { ...checked, live };
}

/** A ledger that cannot export breaks off: ask it what it finds itself. */
export async function explainBreak({ api, tenant }: LiveLedger, error: unknown): Promise<unknown> {
  if (!(error instanceof CliError) || error.code !== 'LEDGER_UNREACHABLE') return error;
  try {
    requireIntact(await api.json(ledgerPath(tenant, '/verifications'), verdictSchema, {}, VERIFICATION_TIMEOUT_MS));
    return error;
  } catch (found) {
    return found instanceof CliError && found.exitCode === EXIT.fault ? found : error;
  }
}

/** Throws CliError when a ledger's own verdict names a fault. */
export function requireIntact(verdict: Verdict | undefined): void {
  if (verdict?.fault === undefined) return;
  const { code, message, firstIndex, lastIndex } = verdict.fault;
  const where = firstIndex === lastIndex ? `at leaf ${firstIndex}` : `in leaves ${firstIndex} to ${lastIndex}`;
  throw new CliError(EXIT.fault, code, `FAILED: the ledger's own verification found ${code} ${where}: ${message}`, { firstIndex, lastIndex });
}

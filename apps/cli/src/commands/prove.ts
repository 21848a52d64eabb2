import { Command } from 'commander';
import { ChainFault } from '@countersign/chain';
import { writeFileDurably } from '@countersign/runtime';
import { CliError, EXIT } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { LedgerApi, ledgerPath } from '../ledger-api.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';
import { ledgerUrlOf, withLedgerTarget } from '../target.js';
import { openLiveLedger } from '../verify/live-ledger.js';
import type { VerifierOptions } from '../verify/live-ledger.js';
import { withVerifier } from '../verify/options.js';
import { verifyProofFile } from '../verify/verify-proof-file.js';

interface Options extends VerifierOptions {
  readonly json?: boolean;
  readonly out?: string;
}

const PUBLIC_MODE = 0o644;

export function proveCommand(io: Io, ended: Ended): Command {
  const command = withVerifier(withLedgerTarget(new Command('prove')))
    .description('fetch the proof that an event is in the ledger, verify it here, and save it (C2SP tlog-proof)')
    .argument('<event-id>', 'UUID of the event')
    .option('--tenant <name>', 'the ledger (default: search all of them)')
    .option('--out <file>', 'where to save it (default: <event-id>.tlog-proof)')
    .action((eventId: string, options: Options) => run(io, ended, options, (output) => prove(eventId, options, io, output)));
  return withExamples(withJson(command), ['prove 0198c7a2-7b1c-7d3e-9f00-1a2b3c4d5e6f --tenant acme', 'prove 0198c7a2-7b1c-7d3e-9f00-1a2b3c4d5e6f --out event.tlog-proof']);
}

async function prove(eventId: string, options: Options, io: Io, output: Output): Promise<void> {
  const tenant = options.tenant ?? (await tenantOf(eventId, new LedgerApi(ledgerUrlOf(options, io.env, io.cwd))));
  const live = await openLiveLedger({ ...options, tenant }, io);
  const text = await live.api.text(ledgerPath(tenant, `/proofs/${encodeURIComponent(eventId)}`));
  const { entry, leafIndex, leafHash, checkpoint } = verifyProofFile(text, live.keys, live.memory);
  if (entry.id !== eventId) throw new ChainFault('EVENT_ID_MISMATCH', 'the proof is about another event', { leafIndex });
  const file = options.out ?? `${eventId}.tlog-proof`;
  await writeFileDurably(file, text, PUBLIC_MODE);
  const eventHash = leafHash.toString('hex');
  output.result({ ok: true, origin: checkpoint.origin, id: eventId, leafIndex, eventHash, treeSize: checkpoint.treeSize, file }, () => [
    `OK: ${entry.type} ${eventId} is entry ${count(leafIndex)} of ${checkpoint.origin}, in a signed tree of ${count(checkpoint.treeSize)}`,
    `  saved as ${file}; anybody can check it with the public key: countersign verify --proof ${file} --key <vkey>`,
  ]);
}

/** The only ledger that has the event: ids are random, so no two have the same. Throws CliError EVENT_UNKNOWN. */
async function tenantOf(eventId: string, api: LedgerApi): Promise<string> {
  let unknown = new CliError(EXIT.usage, 'EVENT_UNKNOWN', 'there is no ledger yet');
  for (const { tenant } of await api.ledgers()) {
    try {
      await api.text(ledgerPath(tenant, `/receipts/${encodeURIComponent(eventId)}`));
      return tenant;
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== 'EVENT_UNKNOWN') throw error;
      unknown = error;
    }
  }
  throw unknown;
}

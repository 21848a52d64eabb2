import { Command } from 'commander';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { count } from '../progress.js';
import { withLedgerTarget } from '../target.js';
import { openLiveLedger } from '../verify/live-ledger.js';
import type { VerifierOptions } from '../verify/live-ledger.js';
import { withVerifier } from '../verify/options.js';
import { verifyLatestCheckpoint } from '../verify/verify-latest-checkpoint.js';

interface Options extends VerifierOptions {
  readonly json?: boolean;
}

export function checkpointCommand(io: Io, ended: Ended): Command {
  const command = withVerifier(withLedgerTarget(new Command('checkpoint')))
    .description('print the latest signed checkpoint, after checking signatures and that it extends the last one seen')
    .requiredOption('--tenant <name>', 'the ledger')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const { note, origin, treeSize, root, consistentWith } = await verifyLatestCheckpoint(await openLiveLedger(options, io));
        output.result({ ok: true, origin, treeSize, root: root.toString('base64'), consistentWith, note }, () => [note.trimEnd()]);
        if (!output.json) {
          output.note(consistentWith === undefined ? 'signatures hold; the first checkpoint that this verifier saw' : `signatures hold; extends the tree of ${count(consistentWith)} that was seen before`);
        }
      }),
    );
  return withExamples(withJson(command), ['checkpoint --tenant acme', 'checkpoint --tenant acme --key acme.pub --json']);
}

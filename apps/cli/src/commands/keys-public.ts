import { Command } from 'commander';
import { writeFileDurably } from '@countersign/runtime';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { withLedgerTarget } from '../target.js';
import { openLiveLedger } from '../verify/live-ledger.js';
import type { VerifierOptions } from '../verify/live-ledger.js';

interface Options extends VerifierOptions {
  readonly json?: boolean;
  readonly out?: string;
}

const PUBLIC_MODE = 0o644;

export function keysPublicCommand(io: Io, ended: Ended): Command {
  const command = withLedgerTarget(new Command('public'))
    .description("print the public keys of a ledger's checkpoints, one a line (C2SP verifier keys)")
    .requiredOption('--tenant <name>', 'the ledger')
    .option('--out <file>', 'write them to a file as well')
    .option('--seen-dir <dir>', 'where this verifier keeps what it saw')
    .action((options: Options) =>
      run(io, ended, options, async (output) => {
        const { view, keys } = await openLiveLedger(options, io);
        const texts = keys.map(({ text }) => text);
        if (options.out !== undefined) await writeKeys(options.out, texts);
        output.result({ ok: true, origin: view.origin, vkeys: texts }, () => texts);
      }),
    );
  return withExamples(withJson(command), ['keys public --tenant acme', 'keys --tenant acme --out acme.pub']);
}

/** A file that --key takes. */
export function writeKeys(file: string, vkeys: readonly string[]): Promise<void> {
  return writeFileDurably(file, vkeys.map((vkey) => `${vkey}\n`).join(''), PUBLIC_MODE);
}

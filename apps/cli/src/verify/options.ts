import type { Command } from 'commander';

/** Options of every command that verifies. */
export function withVerifier(command: Command): Command {
  return command
    .option('--key <vkey or file>', 'public key of the ledger, or a file with some; repeatable, every one must have signed', collect)
    .option('--seen-dir <dir>', 'where this verifier keeps what it saw (default: $XDG_STATE_HOME/countersign/seen)');
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

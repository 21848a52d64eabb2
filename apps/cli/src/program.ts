import { Command, CommanderError } from 'commander';
import { adminCommand } from './commands/admin.js';
import { backupCommand } from './commands/backup.js';
import { benchCommand } from './commands/bench.js';
import { checkpointCommand } from './commands/checkpoint.js';
import { deploymentCommand } from './commands/deployment.js';
import { emitCommand } from './commands/emit.js';
import { exportCommand } from './commands/export.js';
import { fsckCommand } from './commands/fsck.js';
import { importCommand } from './commands/import.js';
import { incidentsCommand } from './commands/incidents.js';
import { keysCommand } from './commands/keys.js';
import { proveCommand } from './commands/prove.js';
import { retentionCommand } from './commands/retention.js';
import { searchCommand } from './commands/search.js';
import { secretsCommand } from './commands/secrets.js';
import { shredCommand } from './commands/shred.js';
import { spoolCommand } from './commands/spool.js';
import { upCommand } from './commands/up.js';
import { verifyCommand } from './commands/verify.js';
import { EXIT } from './exit-code.js';
import type { ExitCode } from './exit-code.js';
import type { Ended, Io } from './io.js';

const EXIT_CODES = `
Exit codes:
  0  done; what was verified holds
  1  wrong arguments, unreadable input, or something on this machine is not as it must be
  2  a verification ran and found a fault
  3  the ledger, the bus, the key service, identity or a provider of secrets did not answer, or not in time
  4  an event, or what was asked of the key service or identity, was refused

Where is the ledger? Options first, then COUNTERSIGN_LEDGER_URL, COUNTERSIGN_NATS_URL,
COUNTERSIGN_NATS_SEED_FILE, COUNTERSIGN_OPERATOR_SEED_FILE and COUNTERSIGN_KEYS_PUBLIC_KEY, then the nearest .countersign folder of a local stack.`;

const COMMANDS = [upCommand, adminCommand, emitCommand, importCommand, searchCommand, checkpointCommand, keysCommand, proveCommand, verifyCommand, exportCommand, fsckCommand, shredCommand, retentionCommand, incidentsCommand, secretsCommand, spoolCommand, backupCommand, benchCommand, deploymentCommand];

/** Runs one command line (without the program's name) and returns its exit code. */
export async function main(args: readonly string[], io: Io): Promise<ExitCode> {
  const ended: Ended = { exitCode: EXIT.ok };
  const program = new Command('countersign')
    .description('A ledger of events that anybody can verify.')
    .version('0.1.0')
    .addHelpText('after', EXIT_CODES);
  for (const command of COMMANDS) program.addCommand(command(io, ended));
  prepare(program, io);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return ended.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
}

/** Sub-commands that are added ready-made inherit nothing: each is told not to exit, and where to write. */
function prepare(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.streams.out.write(text),
    writeErr: (text) => io.streams.err.write(text),
  });
  command.showHelpAfterError('(add --help for what there is)');
  for (const one of command.commands) prepare(one, io);
}

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { EmitError, readKept, type Kept } from '@countersign/client';
import { CliError, EXIT, usageError } from '../exit-code.js';
import { run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';

interface Options {
  readonly json?: boolean;
  readonly keyFile?: string;
  readonly passphraseFile?: string;
}

export function spoolCommand(io: Io, ended: Ended): Command {
  const kept = new Command('kept')
    .description("print what a producer's spool keeps for people: events that the ledger refused, and what a disk damaged. In the clear")
    .argument('<spoolDir>', 'the spool folder')
    .option('--key-file <file>', 'what its key is sealed under; default: <spoolDir>.key')
    .option('--passphrase-file <file>', 'the passphrase that its key is sealed under')
    .action((spoolDir: string, options: Options) =>
      run(io, ended, options, async (output) => {
        const found = await all(resolve(io.cwd, spoolDir), options, io.cwd);
        const rows = found.map(forMachines);
        output.result({ kept: rows }, () => rows.map((row) => JSON.stringify(row)));
        return EXIT.ok;
      }),
    );
  const command = new Command('spool').description("producers' spools").addCommand(withJson(kept));
  return withExamples(command, ['spool kept /var/lib/identity/spool', 'spool kept /data/spool --key-file /run/keys/spool --json']);
}

async function all(spoolDir: string, { keyFile, passphraseFile }: Options, cwd: string): Promise<readonly Kept[]> {
  if (keyFile !== undefined && passphraseFile !== undefined) throw usageError('give --key-file or --passphrase-file, not both');
  const spoolKey = passphraseFile === undefined ? (keyFile === undefined ? {} : { keyFile: resolve(cwd, keyFile) }) : { passphrase: passphraseIn(resolve(cwd, passphraseFile)) };
  try {
    return await readKept(spoolDir, spoolKey);
  } catch (error) {
    throw error instanceof EmitError ? new CliError(EXIT.usage, error.code, error.message) : error;
  }
}

function passphraseIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    throw usageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

function forMachines({ kind, file, bytes }: Kept): object {
  if (bytes === undefined) return { kind, file, damaged: true };
  return kind === 'refused' ? { kind, file, ...(JSON.parse(bytes.toString('utf8')) as object) } : { kind, file, text: bytes.toString('latin1') };
}

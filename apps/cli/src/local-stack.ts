import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { commandLine } from '@countersign/devstack';
import { CliError, EXIT } from './exit-code.js';

/** What `countersign up` leaves for the other commands. No secrets, only where they lie. */
export interface LocalStack {
  /** Process that runs the stack, and its command line: a process id may be given to somebody else. */
  readonly pid: number;
  readonly command: string;
  readonly ledgerUrl: string;
  readonly natsUrl: string;
  /** The public API, and the certificate by which this stack's is known. */
  readonly edgeUrl: string;
  readonly edgeCertFile: string;
  /** nkey seed of the bus user `services`. */
  readonly servicesSeedFile: string;
  /** nkey seed of the bus user `operator`, who manages keys. */
  readonly operatorSeedFile: string;
  /** nkey seed of the bus user `backup`. */
  readonly backupSeedFile: string;
  /** File with the public nkey of the key service, by which its answers are known. */
  readonly keysPublicKeyFile: string;
  /** File with the connection URL of the role `ledger_reader`. */
  readonly readerUrlFile: string;
  readonly startedAt: string;
}

export const STATE_FOLDER = '.countersign';
const FILE = 'local.json';

export function localStackFile(stateDir: string): string {
  return join(stateDir, FILE);
}

/** The nearest state folder of a stack, from `start` upwards; undefined when there is none. */
export function findStateDir(start: string): string | undefined {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const candidate = join(folder, STATE_FOLDER);
    if (existsSync(localStackFile(candidate))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

/** The stack that a state folder tells of. Throws CliError when it is not there, unreadable, or no longer running. */
export function readLocalStack(stateDir: string): LocalStack {
  const file = localStackFile(stateDir);
  let stack: LocalStack;
  try {
    stack = JSON.parse(readFileSync(file, 'utf8')) as LocalStack;
  } catch {
    throw new CliError(EXIT.usage, 'NO_LOCAL_STACK', `no stack runs in ${stateDir}: start one with "countersign up"`);
  }
  if (!isRunning(stack)) {
    throw new CliError(EXIT.unreachable, 'LOCAL_STACK_STOPPED', `the stack in ${stateDir} has stopped: start it again with "countersign up"`);
  }
  return stack;
}

export function isRunning({ pid, command }: Pick<LocalStack, 'pid' | 'command'>): boolean {
  return commandLine(pid) === command;
}

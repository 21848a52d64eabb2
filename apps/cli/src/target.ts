import type { Command } from 'commander';
import { usageError } from './exit-code.js';
import { findStateDir, readLocalStack } from './local-stack.js';
import type { LocalStack } from './local-stack.js';

/** Options of every command that talks to a ledger or a bus. */
export interface TargetOptions {
  readonly stateDir?: string;
  readonly ledgerUrl?: string;
  readonly natsUrl?: string;
  readonly natsSeed?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface BusTarget {
  readonly url: string;
  /** Absent for a bus that asks for no key. */
  readonly nkeySeedFile?: string;
  /** Folder with `ca.crt`, `tls.crt` and `tls.key` for a bus that asks for certificates; from `COUNTERSIGN_NATS_TLS_DIR`. */
  readonly tlsDir?: string | undefined;
}

export function withLedgerTarget(command: Command): Command {
  return command
    .option('--ledger-url <url>', 'base URL of the ledger (env COUNTERSIGN_LEDGER_URL; default: the local stack)')
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)');
}

export function withBusTarget(command: Command): Command {
  return command
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--nats-seed <file>', 'file with the nkey seed of a bus user (env COUNTERSIGN_NATS_SEED_FILE)')
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)');
}

/** Base URL of the ledger: option, then environment, then the local stack. Throws CliError. */
export function ledgerUrlOf(options: TargetOptions, env: Environment, cwd: string): string {
  const url = options.ledgerUrl ?? env['COUNTERSIGN_LEDGER_URL'] ?? localStackOf(options, cwd).ledgerUrl;
  if (!URL.canParse(url) || !/^https?:/.test(url)) throw usageError(`${url} is not an HTTP URL`);
  return url.replace(/\/+$/, '');
}

/** The bus: options, then environment, then the local stack. Throws CliError. */
export function busOf(options: TargetOptions, env: Environment, cwd: string): BusTarget {
  const url = options.natsUrl ?? env['COUNTERSIGN_NATS_URL'];
  const seed = options.natsSeed ?? env['COUNTERSIGN_NATS_SEED_FILE'];
  if (url !== undefined) return { url, tlsDir: env['COUNTERSIGN_NATS_TLS_DIR'], ...(seed === undefined ? {} : { nkeySeedFile: seed }) };
  const { natsUrl, servicesSeedFile } = localStackOf(options, cwd);
  return { url: natsUrl, nkeySeedFile: seed ?? servicesSeedFile };
}

/** The local stack. Throws CliError when there is none. */
export function localStackOf(options: TargetOptions, cwd: string): LocalStack {
  const stateDir = options.stateDir ?? findStateDir(cwd);
  if (stateDir === undefined) {
    throw usageError('no local stack here: start one with "countersign up", or name a ledger with --ledger-url and a bus with --nats-url');
  }
  return readLocalStack(stateDir);
}

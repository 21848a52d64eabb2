import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { BusError } from '@countersign/bus';
import { isPassing, KeyClient, KeyClientError } from '@countersign/key-client';
import type { KeyClientErrorCode } from '@countersign/key-client';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import type { Io } from '../io.js';
import { openBus } from '../send/open-sender.js';
import { localStackOf } from '../target.js';
import type { BusTarget, Environment, TargetOptions } from '../target.js';

/** Options of every command that asks the key service. */
export interface KeyServiceOptions extends Pick<TargetOptions, 'stateDir' | 'natsUrl'> {
  readonly operatorSeed?: string;
  readonly keysPublicKey?: string;
}

interface KeyServiceTarget extends Pick<BusTarget, 'tlsDir'> {
  readonly url: string;
  readonly seed: string;
  readonly keysPublicKey: string;
}

/** Name under which the key service knows people at the command line. */
const OPERATOR = 'operator';

/** What a person can do about it. */
const ADVICE: Readonly<Partial<Record<KeyClientErrorCode, string>>> = {
  KEY_UNKNOWN: 'see what there is with "countersign keys list"',
  KEY_DESTROYED: 'nothing brings it back',
  KEY_PURPOSE_FORBIDDEN: 'the key service does not let an operator do this',
  TENANT_FORBIDDEN: 'its KEYS_SERVICES_FILE confines the operator to other tenants',
  REQUEST_SIGNATURE_INVALID: 'the seed is not that of the operator in its KEYS_SERVICES_FILE',
  REQUEST_STALE: "compare this machine's clock with that of the key service",
  SERVICE_UNKNOWN: 'its KEYS_SERVICES_FILE names no operator',
  KEY_IN_USE: 'see "countersign keys show"',
  KEY_SCAN_MISSING: 'wait until every service that used the version has looked: docs/operations/runbooks/keys-rotation-due.md',
  KEY_EXISTS: 'a log keeps the keys that it has',
  DESTRUCTION_NOT_SCHEDULED: 'there is nothing to cancel',
  DESTRUCTION_NOT_FORCED: 'add --force if that is what is wanted',
  KEYS_UNAVAILABLE: 'see that it runs and has reached the bus',
  KEYS_OVERLOADED: 'try again in a moment',
  ROOT_KEY_UNAVAILABLE: 'see that the provider of its root key answers, then try again',
  KEYS_INTERNAL: 'its log tells why',
  KEYS_REPLY_INVALID: 'see that --keys-public-key is its public key; if it is, somebody else answers on the bus',
};

export function withKeyService(command: Command): Command {
  return command
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--operator-seed <file>', "file with the operator's nkey seed (env COUNTERSIGN_OPERATOR_SEED_FILE)")
    .option('--keys-public-key <key or file>', 'public nkey of the key service (env COUNTERSIGN_KEYS_PUBLIC_KEY)')
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)');
}

/** Asks the key service as an operator, over a connection of its own. Throws CliError. */
export async function askKeys<T>(options: KeyServiceOptions, io: Io, work: (client: KeyClient) => Promise<T>): Promise<T> {
  const { url, seed, keysPublicKey, tlsDir } = targetOf(options, io.env, io.cwd);
  const bus = await openBus({ url, nkeySeedFile: seed, tlsDir });
  try {
    return await work(new KeyClient({ bus, service: OPERATOR, nkeySeedFile: seed, keysPublicKey }));
  } catch (error) {
    throw error instanceof KeyClientError ? fromKeys(error) : error;
  } finally {
    await bus.close();
  }
}

function targetOf(options: KeyServiceOptions, env: Environment, cwd: string): KeyServiceTarget {
  const url = options.natsUrl ?? env['COUNTERSIGN_NATS_URL'];
  const seed = options.operatorSeed ?? env['COUNTERSIGN_OPERATOR_SEED_FILE'];
  const publicKey = options.keysPublicKey ?? env['COUNTERSIGN_KEYS_PUBLIC_KEY'];
  if (url === undefined) {
    const { natsUrl, operatorSeedFile, keysPublicKeyFile } = localStackOf(options, cwd);
    return { url: natsUrl, seed: seed ?? operatorSeedFile, keysPublicKey: textOf(publicKey ?? keysPublicKeyFile) };
  }
  if (seed === undefined) throw usageError("give the file with the operator's nkey seed with --operator-seed");
  if (publicKey === undefined) throw usageError('give the public key of the key service with --keys-public-key: nobody else is to be believed');
  return { url, seed, keysPublicKey: textOf(publicKey), tlsDir: env['COUNTERSIGN_NATS_TLS_DIR'] };
}

const textOf = (given: string): string => (existsSync(given) ? readFileSync(given, 'utf8') : given).trim();

function fromKeys(error: KeyClientError): CliError {
  const { code, message, detail, cause } = error;
  if (cause instanceof BusError && cause.code === 'FORBIDDEN') {
    return new CliError(EXIT.refused, 'BUS_FORBIDDEN', 'refused: BUS_FORBIDDEN: the bus does not let this user ask as an operator: give the seed of the operator with --operator-seed');
  }
  const advice = ADVICE[code];
  const exitCode = exitCodeOf(code);
  const text = `${code}: ${message}${advice === undefined ? '' : `; ${advice}`}`;
  return new CliError(exitCode, code, exitCode === EXIT.refused ? `refused: ${text}` : text, { ...detail });
}

function exitCodeOf(code: KeyClientErrorCode): ExitCode {
  if (isPassing(code)) return EXIT.unreachable;
  if (code === 'KEYS_REPLY_INVALID') return EXIT.fault;
  return code === 'KEY_UNKNOWN' || code === 'REQUEST_MALFORMED' ? EXIT.usage : EXIT.refused;
}

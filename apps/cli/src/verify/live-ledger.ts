import { join } from 'node:path';
import type { LedgerView } from '@countersign/contracts';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { Io } from '../io.js';
import { keysFrom, parseKey } from '../keys.js';
import type { NamedKey } from '../keys.js';
import { LedgerApi } from '../ledger-api.js';
import { findStateDir } from '../local-stack.js';
import { VerifierMemory, defaultSeenDir } from '../memory.js';
import { ledgerUrlOf } from '../target.js';
import type { TargetOptions } from '../target.js';
import { waitForCheckpoint } from './wait-for-checkpoint.js';

/** Options of commands that check what a running ledger says. */
export interface VerifierOptions extends TargetOptions {
  readonly tenant?: string;
  readonly key?: readonly string[];
  readonly seenDir?: string;
}

/** How pins name a local stack: it may come back on another port and is still the same. */
export const LOCAL_PLACE = 'local stack';

/** A ledger that answers, and the keys that what it says is held against. */
export interface LiveLedger {
  readonly api: LedgerApi;
  readonly tenant: string;
  readonly view: LedgerView;
  readonly keys: readonly NamedKey[];
  readonly memory: VerifierMemory;
}

/** Asks a ledger for its state, once a checkpoint covers what is recorded, and settles which keys to trust: those given, else those of the first time. Throws CliError. */
export async function openLiveLedger(options: VerifierOptions, io: Io): Promise<LiveLedger> {
  const { tenant } = options;
  if (tenant === undefined) throw usageError('name a ledger with --tenant');
  const api = new LedgerApi(ledgerUrlOf(options, io.env, io.cwd));
  const memory = memoryOf(options, io);
  const view = await waitForCheckpoint(api, tenant);
  const place = isRemote(options, io) ? api.baseUrl : LOCAL_PLACE;
  const keys = options.key !== undefined && options.key.length > 0 ? keysFrom(options.key) : await pinnedKeys(memory, place, view);
  return { api, tenant, view, keys, memory };
}

/**
 * The memory of this verifier. Keys of a local stack are pinned in its own folder: they end when it is deleted, and a
 * port that another stack takes over later means nothing.
 */
export function memoryOf(options: VerifierOptions, io: Io): VerifierMemory {
  const seenDir = options.seenDir ?? defaultSeenDir(io.env);
  const stateDir = isRemote(options, io) ? undefined : (options.stateDir ?? findStateDir(io.cwd));
  return stateDir === undefined ? new VerifierMemory(seenDir) : new VerifierMemory(seenDir, join(stateDir, 'verifier'));
}

function isRemote(options: VerifierOptions, io: Io): boolean {
  return options.ledgerUrl !== undefined || io.env['COUNTERSIGN_LEDGER_URL'] !== undefined;
}

async function pinnedKeys(memory: VerifierMemory, place: string, { tenant, origin, vkeys }: LedgerView): Promise<NamedKey[]> {
  if (vkeys.length === 0) throw new CliError(EXIT.unreachable, 'KEYS_MISSING', `the ledger ${tenant} serves no key`);
  const keys = (await memory.pinned(`${place}/ledgers/${tenant}`, vkeys)).map(parseKey);
  if (keys.some(({ vkey }) => vkey.name !== origin)) {
    throw new CliError(EXIT.fault, 'CHECKPOINT_ORIGIN_MISMATCH', `FAILED: CHECKPOINT_ORIGIN_MISMATCH: the ledger says that it is ${origin}, its keys say otherwise`);
  }
  return keys;
}

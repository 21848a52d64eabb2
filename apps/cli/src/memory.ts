import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '@countersign/chain';
import type { SeenTree } from '@countersign/chain';
import { writeFileDurably } from '@countersign/runtime';
import { CliError, EXIT } from './exit-code.js';
import type { NamedKey } from './keys.js';
import type { Environment } from './target.js';

/** What this verifier keeps of one ledger, for each of its keys. */
interface SeenFile {
  readonly origin: string;
  readonly vkey: string;
  readonly treeSize: number;
  /** Base64. */
  readonly root: string;
  /** The signed note, evidence against whoever signs another history later. */
  readonly note: string;
}

export interface SeenCheckpoint extends SeenTree {
  readonly note: string;
}

interface PinFile {
  readonly ledger: string;
  readonly vkeys: readonly string[];
}

/** `$XDG_STATE_HOME/countersign/seen`, by default below the home folder. */
export function defaultSeenDir(env: Environment): string {
  const stateHome = env['XDG_STATE_HOME'];
  return join(stateHome !== undefined && stateHome !== '' ? stateHome : join(env['HOME'] ?? homedir(), '.local', 'state'), 'countersign', 'seen');
}

/**
 * What a verifier remembers between runs: the last checkpoint that it verified, for each origin and key, and the keys
 * that a ledger served the first time. Without memory, whoever holds the signing key could show every run another history.
 */
export class VerifierMemory {
  constructor(
    readonly seenDir: string,
    private readonly pinDir: string = join(seenDir, 'pins'),
  ) {}

  /** The largest tree seen under any of these keys. Throws CliError MEMORY_DAMAGED. */
  lastSeen(keys: readonly NamedKey[]): SeenCheckpoint | undefined {
    const seen = keys.map(({ text }) => read<SeenFile>(this.seenPath(text), isSeenFile)).filter((file) => file !== undefined);
    const last = seen.sort((a, b) => b.treeSize - a.treeSize)[0];
    return last === undefined ? undefined : { treeSize: last.treeSize, root: Buffer.from(last.root, 'base64'), note: last.note };
  }

  /** Keeps a checkpoint that was verified and is consistent with {@link lastSeen}. Durable on return. */
  async remember(keys: readonly NamedKey[], seen: SeenCheckpoint): Promise<void> {
    mkdirSync(this.seenDir, { recursive: true, mode: 0o700 });
    for (const { text, vkey } of keys) {
      const file: SeenFile = { origin: vkey.name, vkey: text, treeSize: seen.treeSize, root: Buffer.from(seen.root).toString('base64'), note: seen.note };
      await writeFileDurably(this.seenPath(text), `${JSON.stringify(file, null, 2)}\n`);
    }
  }

  /**
   * The keys that `ledger` (its URL and tenant) was first seen with; on the first time, those that it serves now.
   * Throws CliError KEYS_CHANGED when it serves others: then it may be another ledger.
   */
  async pinned(ledger: string, served: readonly string[]): Promise<readonly string[]> {
    const path = this.pinPath(ledger);
    const known = this.pins(ledger);
    if (known === undefined) {
      mkdirSync(this.pinDir, { recursive: true, mode: 0o700 });
      const pin: PinFile = { ledger, vkeys: served };
      await writeFileDurably(path, `${JSON.stringify(pin, null, 2)}\n`);
      return served;
    }
    const isSame = known.length === served.length && known.every((vkey) => served.includes(vkey));
    if (!isSame) {
      const message = `FAILED: KEYS_CHANGED: ${ledger} serves other keys than when it was first seen; if that is expected, name the keys with --key, or delete ${path}`;
      throw new CliError(EXIT.fault, 'KEYS_CHANGED', message, { pinned: known, served });
    }
    return known;
  }

  /** The keys that `ledger` was first seen with, if it was. Throws CliError MEMORY_DAMAGED. */
  pins(ledger: string): readonly string[] | undefined {
    return read<PinFile>(this.pinPath(ledger), isPinFile)?.vkeys;
  }

  private pinPath(ledger: string): string {
    return join(this.pinDir, `${sha256Hex(ledger).slice(0, 32)}.json`);
  }

  private seenPath(vkeyText: string): string {
    return join(this.seenDir, `${sha256Hex(vkeyText).slice(0, 32)}.json`);
  }
}

function read<T>(path: string, isValid: (value: T) => boolean): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value = JSON.parse(text) as T;
    if (isValid(value)) return value;
  } catch {
    // Reported below: a verifier that quietly forgets is no verifier.
  }
  throw new CliError(EXIT.usage, 'MEMORY_DAMAGED', `${path} is damaged: this verifier no longer knows what it saw; look into it, then delete the file`);
}

function isSeenFile(value: SeenFile): boolean {
  const { treeSize, root, note } = value;
  return Number.isSafeInteger(treeSize) && treeSize >= 0 && typeof root === 'string' && Buffer.from(root, 'base64').length === 32 && typeof note === 'string';
}

function isPinFile(value: PinFile): boolean {
  return Array.isArray(value.vkeys) && value.vkeys.every((vkey) => typeof vkey === 'string');
}

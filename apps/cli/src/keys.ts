import { existsSync, readFileSync } from 'node:fs';
import { ChainFault, parseVkey } from '@countersign/chain';
import type { Vkey } from '@countersign/chain';
import { usageError } from './exit-code.js';

const KEYS_MAX = 16;

/** A verifier key with the text that it was read from. */
export interface NamedKey {
  readonly text: string;
  readonly vkey: Vkey;
}

/**
 * Keys as given on the command line: each the text of a verifier key (C2SP signed-note), or a file with one a line;
 * empty lines and lines that start with `#` are skipped. Throws CliError.
 */
export function keysFrom(given: readonly string[]): NamedKey[] {
  const texts = given.flatMap((one) => (existsSync(one) ? linesOf(one) : [one.trim()]));
  if (texts.length === 0) throw usageError('no verifier key was given');
  if (texts.length > KEYS_MAX) throw usageError(`over ${KEYS_MAX} verifier keys`);
  return [...new Set(texts)].map(parseKey);
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Throws CliError for what is neither a key nor a file that holds some. */
export function parseKey(text: string): NamedKey {
  try {
    return { text, vkey: parseVkey(text) };
  } catch (fault) {
    if (!(fault instanceof ChainFault)) throw fault;
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw usageError(`"${shown}" is neither a verifier key nor a file with keys (${fault.message})`);
  }
}

/** Name of the ledger that the keys speak for: the name of the first (a log's key is named by its origin). */
export function originOf(keys: readonly NamedKey[]): string {
  return keys[0]!.vkey.name;
}

import { EdgeFault } from './edge-fault.js';

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;

interface Level {
  /** Of an object: the names seen so far; of an array: undefined. */
  readonly names: Set<string> | undefined;
  /** Name of the member that it is the value of. */
  readonly under: string | undefined;
}

/**
 * A JSON text that means one thing to everybody (I-JSON, RFC 7493): UTF-8 without errors and without a byte order mark, no name twice
 * in an object, no half of a surrogate pair; and without the names that reach a prototype. Throws EdgeFault BODY_MALFORMED.
 */
export function parseBody(bytes: Uint8Array): unknown {
  const text = decoded(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed('the body must be JSON');
  }
  requireUnambiguous(text);
  return value;
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('the body must be UTF-8');
  }
}

/** Walks the tokens of a text that is JSON. Does not recurse. */
function requireUnambiguous(text: string): void {
  const levels: Level[] = [];
  let last = '';
  let name: string | undefined;
  for (const [token] of text.matchAll(TOKENS)) {
    const level = levels.at(-1);
    if (token === '{' || token === '[') {
      levels.push({ names: token === '{' ? new Set() : undefined, under: level?.names === undefined ? undefined : name });
    } else if (token === '}' || token === ']') {
      levels.pop();
    } else if (token === ':') {
      name = take(level!, last);
    } else if (token !== ',') {
      last = textOf(token);
    }
  }
}

function take({ names, under }: Level, name: string): string {
  if (names!.has(name)) throw malformed('a name stands twice in one object');
  if (name === '__proto__' || (name === 'prototype' && under === 'constructor')) throw malformed('a name is reserved');
  names!.add(name);
  return name;
}

function textOf(token: string): string {
  if (!token.includes('\\')) return token.slice(1, -1);
  const text = JSON.parse(token) as string;
  if (!text.isWellFormed()) throw malformed('text must be Unicode: half a surrogate pair is none');
  return text;
}

const malformed = (why: string): EdgeFault => new EdgeFault('BODY_MALFORMED', why);

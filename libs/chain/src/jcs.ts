import { ChainFault } from './fault.js';
import type { JsonValue } from './event.js';

/** Nesting beyond this is refused: it bounds recursion here and in every reader. */
export const JSON_DEPTH_MAX = 32;

// Printable ASCII but the quotation mark and the backslash: most strings, and the fastest test for them.
const PLAIN = /^[ !#-[\]-~]*$/;

/** Canonical JSON of a string (RFC 8785 §3.2.2.2). Throws EVENT_FIELD_INVALID for lone surrogates. */
export function jcsString(value: string, field: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  // A lone surrogate has no UTF-8 at all (RFC 8785 §3.2.2.2).
  if (!value.isWellFormed()) {
    throw new ChainFault('EVENT_FIELD_INVALID', `${field} holds a lone surrogate, which has no UTF-8 form`, { field });
  }
  return JSON.stringify(value);
}

/**
 * Canonical JSON (RFC 8785) of a parsed JSON value.
 * Refuses, naming `field`: values outside JSON, non-finite numbers, integers that a double cannot hold exactly
 * (they would be changed unseen), lone surrogates, and nesting deeper than {@link JSON_DEPTH_MAX}.
 */
export function jcs(value: JsonValue, field: string, depth = 0): string {
  switch (typeof value) {
    case 'string':
      return jcsString(value, field);
    case 'number':
      return jcsNumber(value, field);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth >= JSON_DEPTH_MAX) {
        throw new ChainFault('EVENT_FIELD_INVALID', `${field} is nested deeper than ${JSON_DEPTH_MAX} levels`, { field });
      }
      if (Array.isArray(value)) return jcsArray(value as readonly JsonValue[], field, depth);
      if (!isPlain(value)) throw new ChainFault('EVENT_FIELD_INVALID', `${field} holds an object that is not plain JSON`, { field });
      return jcsObject(value as { readonly [name: string]: JsonValue }, field, depth);
    default:
      throw new ChainFault('EVENT_FIELD_INVALID', `${field} is not a JSON value`, { field });
  }
}

function jcsNumber(value: number, field: string): string {
  if (!Number.isFinite(value)) {
    throw new ChainFault('EVENT_FIELD_INVALID', `${field} is not a finite number`, { field });
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new ChainFault('EVENT_FIELD_INVALID', `${field} is an integer beyond 2^53-1; send it as a string`, { field });
  }
  // ECMAScript's own shortest form is what RFC 8785 §3.2.2.3 prescribes; -0 becomes 0.
  return String(value === 0 ? 0 : value);
}

function jcsArray(items: readonly JsonValue[], field: string, depth: number): string {
  let out = '[';
  for (let i = 0; i < items.length; i++) {
    if (i > 0) out += ',';
    out += jcs(items[i] as JsonValue, field, depth + 1);
  }
  return out + ']';
}

function jcsObject(object: { readonly [name: string]: JsonValue }, field: string, depth: number): string {
  const names = Object.keys(object);
  // Default sort compares UTF-16 code units, which is the order of RFC 8785 §3.2.3.
  if (!isSorted(names)) names.sort();
  let out = '{';
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    out += (i > 0 ? ',' : '') + jcsString(name, field) + ':' + jcs(object[name] as JsonValue, field, depth + 1);
  }
  return out + '}';
}

/** A Date or a Map would become `{}` and be lost unseen. Holds in every realm: a plain object's prototype has none. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (names[i - 1]! > names[i]!) return false;
  return true;
}

import { hash } from 'node:crypto';
import type pg from 'pg';

/** Texts known by a name; any more are sent as they are. PostgreSQL keeps each one for as long as its connection lasts. */
const NAMES_MAX = 500;
/** PostgreSQL cuts names at 63 bytes, and two cut names could be the same. */
const NAME_CHARACTERS = 32;

type Query = pg.Client['query'];

/** Gives each text with values one name, so that the server parses and plans it once a connection. */
export class StatementNames {
  readonly #names = new Map<string, string>();

  /** The client's `query`, with a name for each text. */
  naming(query: Query): Query {
    const pass = query as (...args: unknown[]) => unknown;
    const named = (text: unknown, values: unknown, ...rest: unknown[]): unknown => {
      const name = typeof text === 'string' && Array.isArray(values) ? this.#nameOf(text) : undefined;
      return name === undefined ? pass(text, values, ...rest) : pass({ name, text, values }, ...rest);
    };
    return named as Query;
  }

  #nameOf(text: string): string | undefined {
    let name = this.#names.get(text);
    if (name === undefined && this.#names.size < NAMES_MAX) {
      name = hash('sha256', text, 'hex').slice(0, NAME_CHARACTERS);
      this.#names.set(text, name);
    }
    return name;
  }
}

// Objects made by Node's core come from another realm than the tests; instanceof must not tell them apart.
import { describe, expect, it } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

class OwnError extends Error {}

describe('instanceof', () => {
  const missing = thrownBy(() => readFileSync('/nowhere/at/all'));
  const badUrl = thrownBy(() => new URL('no scheme'));

  it.each([
    ['an error of the file system', missing, Error],
    ['a type error of the core', badUrl, TypeError],
    ['a type error of the core, as an error', badUrl, Error],
    ['a syntax error of JSON', thrownBy(() => JSON.parse('{')), SyntaxError],
    ['a list of the core', readdirSync('/'), Array],
    ['a promise of the core', readFile(import.meta.filename), Promise],
    ['a buffer', Buffer.from('a'), Uint8Array],
    ['a cloned map', structuredClone(new Map()), Map],
    ['an error of a subclass', new OwnError('a'), OwnError],
  ])('accepts %s', (_what, value, type) => {
    expect(value instanceof type).toBe(true);
  });

  it.each([
    ['an error of the core as an own one', missing, OwnError],
    ['an error of the file system as a type error', missing, TypeError],
    ['an object as an error', { message: 'a' }, Error],
    ['nothing as an error', undefined, Error],
  ])('refuses %s', (_what, value, type) => {
    expect(value instanceof type).toBe(false);
  });
});

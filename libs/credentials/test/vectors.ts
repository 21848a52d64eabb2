import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const TESTDATA = join(import.meta.dirname, '../../../testdata/credentials');

/** One language-neutral vector: `why` is the claim and the name of its test. */
export interface Vector<Input, Expect> {
  readonly why: string;
  readonly input: Input;
  readonly expect: Expect;
}

/** All vectors of a folder. Throws when there is none, or one claim twice. */
export function vectorsOf<Input, Expect>(folder: 'valid' | 'invalid'): Vector<Input, Expect>[] {
  const files = readdirSync(join(TESTDATA, folder)).filter((file) => file.endsWith('.json'));
  const vectors = files.sort().map((file) => JSON.parse(readFileSync(join(TESTDATA, folder, file), 'utf8')) as Vector<Input, Expect>);
  if (vectors.length === 0) throw new Error(`no vector in ${folder}`);
  if (new Set(vectors.map(({ why }) => why)).size < vectors.length) throw new Error(`${folder} makes one claim twice`);
  return vectors;
}

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');

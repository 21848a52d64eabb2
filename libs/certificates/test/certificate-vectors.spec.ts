import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseVkey } from '@countersign/chain';
import { verifyCertificate, type Certificate } from '../src/index.js';

const TESTDATA = join(import.meta.dirname, '../../../testdata/certificates');

interface Vector<Expect> {
  readonly why: string;
  readonly input: { readonly note: string; readonly keys: readonly string[] };
  readonly expect: Expect;
}

/** Each claim once. */
function vectorsOf<Expect>(folder: string): [why: string, vector: Vector<Expect>][] {
  const vectors = readdirSync(join(TESTDATA, folder)).sort().map((file) => JSON.parse(readFileSync(join(TESTDATA, folder, file), 'utf8')) as Vector<Expect>);
  if (vectors.length === 0 || new Set(vectors.map(({ why }) => why)).size < vectors.length) throw new Error(`testdata/certificates/${folder} is empty, or makes one claim twice`);
  return vectors.map((vector) => [vector.why, vector]);
}

const verified = ({ input: { note, keys } }: Vector<unknown>): Certificate => verifyCertificate(note, keys.map(parseVkey));

describe('certificates of testdata', () => {
  it.each(vectorsOf<Certificate>('valid'))('hold: %s', (_why, vector) => {
    expect(verified(vector)).toEqual(vector.expect);
  });

  it.each(vectorsOf<{ readonly fault: string }>('invalid'))('do not: %s', (_why, vector) => {
    expect(() => verified(vector)).toThrow(expect.objectContaining({ code: vector.expect.fault }));
  });
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ChainFault } from '../src/index.js';
import type { FaultCode } from '../src/index.js';

const TESTDATA = join(import.meta.dirname, '../../../testdata');

/** One language-neutral vector: `why` is the claim and the name of its test. */
export interface Vector<Input, Expect> {
  readonly file: string;
  readonly why: string;
  readonly input: Input;
  readonly expect: Expect;
}

/** All vectors of a folder below testdata/, in the order of their names. Throws when there is none, or one claim twice. */
export function vectorsOf<Input, Expect>(folder: string): Vector<Input, Expect>[] {
  const files = readdirSync(join(TESTDATA, folder)).filter((file) => file.endsWith('.json'));
  const vectors = files.sort().map((file) => ({ file, ...readVector<Input, Expect>(join(TESTDATA, folder, file)) }));
  if (vectors.length === 0) throw new Error(`no vector in testdata/${folder}`);
  if (new Set(vectors.map(({ why }) => why)).size < vectors.length) throw new Error(`testdata/${folder} makes one claim twice`);
  return vectors;
}

function readVector<Input, Expect>(path: string): Omit<Vector<Input, Expect>, 'file'> {
  return JSON.parse(readFileSync(path, 'utf8')) as Omit<Vector<Input, Expect>, 'file'>;
}

/** The code of the fault that `run` throws or rejects with; undefined when it does neither. Other errors pass through. */
export async function faultOf(run: () => unknown): Promise<FaultCode | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof ChainFault) return error.code;
    throw error;
  }
}

export const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
export const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');

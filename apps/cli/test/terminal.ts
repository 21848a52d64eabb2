import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { main } from '../src/program.js';
import type { ExitCode } from '../src/exit-code.js';

/** What one command line left behind. */
export interface Ran {
  readonly exitCode: ExitCode;
  readonly out: string;
  readonly err: string;
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'countersign-cli-'));

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** Runs a command line in this process, in `cwd`, with a verifier's memory below it. */
export async function countersign(cwd: string, args: readonly string[], stdin = ''): Promise<Ran> {
  const [out, err] = [new Collected(), new Collected()];
  const exitCode = await main(args, {
    env: { PATH: process.env['PATH'], HOME: cwd, XDG_STATE_HOME: join(cwd, 'state') },
    cwd,
    streams: { out, err },
    stdin: (async function* () {
      yield Buffer.from(stdin);
    })(),
  });
  return { exitCode, out: out.text, err: err.text };
}

interface ExportVector {
  readonly input: { readonly file: string; readonly vkeys: readonly string[] };
  readonly expect: { readonly treeSize?: number; readonly root?: string; readonly sha256?: string; readonly code?: string };
}

/** One of the language-neutral vectors of testdata/export. */
export function exportVector(name: string): ExportVector {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../../testdata/export', `${name}.json`), 'utf8')) as ExportVector;
}

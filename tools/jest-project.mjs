// Runs the Jest suites of one project and leaves the outcome in .nx/results, where the runner sums it up.
//   node tools/jest-project.mjs <project folder | .> <unit | e2e | e2e-1 | …> [more Jest arguments]
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { forwardSignals, runVisibly } from './child.mjs';
import { PART_TARGETS, suitesOf } from './e2e-parts.mjs';
import { RESULTS_DIR, ROOT, jestEnv } from './workspace.mjs';

const TEST_TIMEOUT_MS = { unit: 30_000, e2e: 120_000 };
const RUN_TIMEOUT_MS = { unit: 300_000, e2e: 480_000 };
// Jest reports first and exits when nothing is left running; a suite that leaves a server behind would hang for ever.
const EXIT_GRACE_MS = 15_000;
const EMPTY_REPORT = { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0, numPendingTests: 0 };
/** What stands in for the report of a run that ended without one. */
const lostReport = (project, message) => ({ ...EMPTY_REPORT, numRuntimeErrorTestSuites: 1, testResults: [{ name: join(ROOT, project), status: 'failed', message, assertionResults: [] }] });

const [project, target, ...extra] = process.argv.slice(2);
if (project === undefined || !['unit', 'e2e', ...PART_TARGETS].includes(target)) {
  console.error('usage: node tools/jest-project.mjs <project folder | .> <unit | e2e | e2e-1 | …>');
  process.exit(2);
}
const kind = target === 'unit' ? 'unit' : 'e2e';
const report = join(RESULTS_DIR, `${project === '.' ? 'root' : project.replaceAll('/', '-')}.${target}.json`);

function listSuites() {
  const folder = join(ROOT, project, 'test');
  if (!existsSync(folder)) return [];
  const isWanted = (file) => file.endsWith('.spec.ts') && file.endsWith('.e2e.spec.ts') === (kind === 'e2e');
  const suites = readdirSync(folder, { recursive: true }).filter(isWanted);
  const all = suites.map((file) => relative(ROOT, join(folder, file))).sort();
  return kind === 'unit' ? all : suitesOf(project, all, target);
}

let stopped;

/** Ends a run that takes too long or does not exit after its report. @returns {() => void} stops the watch */
function watch() {
  const startedAt = performance.now();
  let reportedAt = Infinity;
  const stop = (why) => {
    stopped = why;
    console.error(`${project} ${target}: ${why}`);
    process.kill(process.pid, 'SIGTERM');
    clearInterval(timer);
  };
  const timer = setInterval(() => {
    const now = performance.now();
    if (reportedAt === Infinity && existsSync(report)) reportedAt = now;
    if (now - startedAt > RUN_TIMEOUT_MS[kind]) stop(`stopped after ${RUN_TIMEOUT_MS[kind] / 1000} s`);
    else if (now - reportedAt > EXIT_GRACE_MS) stop('a suite left something running after its last test');
  }, 1000);
  return () => clearInterval(timer);
}

async function runSuites(suites) {
  const jest = [
    join(ROOT, 'node_modules/jest/bin/jest.js'),
    '--runInBand',
    `--testTimeout=${TEST_TIMEOUT_MS[kind]}`,
    '--json',
    `--outputFile=${report}`,
    ...extra,
    '--runTestsByPath',
    ...suites,
  ];
  const unwatch = watch();
  try {
    // --json also prints the whole report to stdout; what people read goes to stderr.
    return await runVisibly(process.execPath, jest, { cwd: ROOT, env: jestEnv(), stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    unwatch();
  }
}

mkdirSync(RESULTS_DIR, { recursive: true });
rmSync(report, { force: true });
const suites = listSuites();
if (suites.length === 0) {
  writeFileSync(report, JSON.stringify(EMPTY_REPORT));
} else {
  forwardSignals();
  process.exitCode = await runSuites(suites);
  if (!existsSync(report)) writeFileSync(report, JSON.stringify(lostReport(project, stopped ?? `Jest ended with ${process.exitCode} and left no report`)));
}

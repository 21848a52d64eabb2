// Runs the Jest suites of one project and leaves the outcome in .nx/results, where the runner sums it up.
//   node tools/jest-project.mjs <project folder | .> <unit | e2e> [more Jest arguments]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { RESULTS_DIR, ROOT, jestEnv } from './workspace.mjs';

const E2E_TIMEOUT_MS = 120_000;
const UNIT_TIMEOUT_MS = 30_000;

const [project, kind, ...extra] = process.argv.slice(2);
if (project === undefined || !['unit', 'e2e'].includes(kind)) {
  console.error('usage: node tools/jest-project.mjs <project folder | .> <unit | e2e>');
  process.exit(2);
}

const isWanted = (file) => file.endsWith('.spec.ts') && file.endsWith('.e2e.spec.ts') === (kind === 'e2e');
const testDir = join(ROOT, project, 'test');
const files = existsSync(testDir)
  ? readdirSync(testDir, { recursive: true }).filter(isWanted).map((file) => join(testDir, file)).sort()
  : [];

const outcome = join(RESULTS_DIR, `${project === '.' ? 'root' : project.replaceAll('/', '-')}.${kind}.json`);
mkdirSync(RESULTS_DIR, { recursive: true });
if (files.length === 0) {
  writeFileSync(outcome, JSON.stringify({ success: true, numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0, numPendingTests: 0 }));
  process.exit(0);
}

const result = spawnSync(
  process.execPath,
  [
    join(ROOT, 'node_modules/jest/bin/jest.js'),
    '--runInBand',
    `--testTimeout=${kind === 'e2e' ? E2E_TIMEOUT_MS : UNIT_TIMEOUT_MS}`,
    '--json',
    `--outputFile=${outcome}`,
    ...extra,
    '--runTestsByPath',
    ...files.map((file) => relative(ROOT, file)),
  ],
  // --json would print the whole report to stdout as well; the readable report goes to stderr.
  { cwd: ROOT, env: jestEnv(), stdio: ['ignore', 'ignore', 'inherit'] },
);
process.exit(result.status ?? 1);

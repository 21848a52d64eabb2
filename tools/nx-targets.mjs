// Gives every workspace package the same Nx targets, so that a new package needs no configuration of its own:
//   test         the pure suites (*.spec.ts), cached by their inputs
//   e2e          the suites that start real servers (*.e2e.spec.ts), never cached
//   e2e-1, -2 …  the same in parts, as the test command runs them
// The root project holds the checks that see the whole repository at once.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { partTargets } from './e2e-parts.mjs';

const TS_FILES = ['{workspaceRoot}/apps/**/*.ts', '{workspaceRoot}/libs/**/*.ts', '{workspaceRoot}/bench/**/*.ts', '{workspaceRoot}/examples/**/*.ts', '{workspaceRoot}/test/**/*.ts'];
const LINT_INPUTS = [...TS_FILES, 'toolchain', '{workspaceRoot}/*.mjs', '{workspaceRoot}/**/package.json', '{workspaceRoot}/**/tsconfig*.json'];

function jestTarget(root, kind, extra) {
  return { command: `node tools/jest-project.mjs ${root} ${kind}`, ...extra };
}

function packageTargets(root, suites) {
  const hasServers = suites.some((file) => file.endsWith('.e2e.spec.ts'));
  const targets = {
    test: jestTarget(root, 'unit', {
      cache: true,
      inputs: ['default', '^source', 'toolchain', '{workspaceRoot}/testdata/**/*'],
      outputs: [`{workspaceRoot}/.nx/results/${root.replaceAll('/', '-')}.unit.json`],
    }),
    ...Object.fromEntries((hasServers ? ['e2e', ...partTargets(root)] : []).map((target) => [target, jestTarget(root, target, { cache: false })])),
  };
  return { root, targets };
}

const ROOT_PROJECT = {
  root: '.',
  name: 'countersign',
  targets: {
    lint: { command: 'node node_modules/eslint/bin/eslint.js .', cache: true, inputs: LINT_INPUTS },
    boundaries: { command: 'node tools/boundaries.mjs', cache: true, inputs: LINT_INPUTS },
    types: { command: 'node node_modules/ts7/bin/tsc -p tsconfig.test.json', cache: true, inputs: LINT_INPUTS },
    test: jestTarget('.', 'unit', { cache: false }),
  },
};

export const name = 'countersign-targets';

export const createNodesV2 = [
  '{package.json,apps/*/package.json,libs/*/package.json,bench/package.json,examples/*/package.json}',
  (files, _options, context) =>
    files.map((file) => {
      const root = dirname(file);
      if (root === '.') return [file, { projects: { '.': ROOT_PROJECT } }];
      const tests = join(context.workspaceRoot, root, 'test');
      return [file, { projects: existsSync(tests) ? { [root]: packageTargets(root, readdirSync(tests, { recursive: true })) } : {} }];
    }),
];

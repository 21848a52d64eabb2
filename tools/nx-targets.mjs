// Gives every workspace package the same two Nx targets, so that a new package needs no configuration of its own:
//   test  the pure suites (*.spec.ts), cached by their inputs
//   e2e   the suites that start real servers (*.e2e.spec.ts), never cached; two projects at a time, since such a suite waits more than it works
// The root project holds the checks that see the whole repository at once.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const TS_FILES = ['{workspaceRoot}/apps/**/*.ts', '{workspaceRoot}/libs/**/*.ts', '{workspaceRoot}/bench/**/*.ts', '{workspaceRoot}/test/**/*.ts'];
const LINT_INPUTS = [...TS_FILES, 'toolchain', '{workspaceRoot}/*.mjs', '{workspaceRoot}/**/package.json', '{workspaceRoot}/**/tsconfig*.json'];

function jestTarget(root, kind, extra) {
  return { command: `node tools/jest-project.mjs ${root} ${kind}`, ...extra };
}

function packageTargets(root) {
  const targets = {
    test: jestTarget(root, 'unit', {
      cache: true,
      inputs: ['default', '^source', 'toolchain', '{workspaceRoot}/testdata/**/*'],
      outputs: [`{workspaceRoot}/.nx/results/${root.replaceAll('/', '-')}.unit.json`],
    }),
    e2e: jestTarget(root, 'e2e', { cache: false }),
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
  '{package.json,apps/*/package.json,libs/*/package.json,bench/package.json}',
  (files, _options, context) =>
    files.map((file) => {
      const root = dirname(file);
      if (root === '.') return [file, { projects: { '.': ROOT_PROJECT } }];
      const tested = existsSync(join(context.workspaceRoot, root, 'test'));
      return [file, { projects: tested ? { [root]: packageTargets(root) } : {} }];
    }),
];

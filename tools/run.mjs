#!/usr/bin/env node
// What the npm scripts call. Plain JavaScript that runs on Node 20 with nothing installed: it installs the locked
// dependencies, builds under Node 24 and hands over to the command. It never asks a question.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { forwardSignals, runQuietly, runVisibly } from './child.mjs';
import { testImages } from './images.mjs';
import { install, isInstalled } from './install.mjs';
import { findNode } from './node24.mjs';
import { testAll, testFaults } from './test-run.mjs';
import { ROOT, childEnv } from './workspace.mjs';

const USAGE = `usage: node tools/run.mjs <command> [arguments]
  start [--exit]          start the whole stack with a demonstration workload
  test                    lint, check types, boundaries and style, run every test
  test:faults [--seed N]  kill, freeze and poison real processes
  test:images             build the images and drive the system of deploy/compose, where there is a Docker engine
  bench [keys|identity] [--json FILE]  measure, print one table`;

/** Prints what is being done and, when it is done, the seconds it took. */
async function step(title, work) {
  const startedAt = performance.now();
  console.log(`▸ ${title}`);
  const result = await work();
  console.log(`  ${title}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return result;
}

async function prepare() {
  if (!isInstalled()) await step('install dependencies (npm ci)', install);
  const node = findNode();
  const context = { node, env: childEnv(node), step };
  await step('build', async () => {
    const code = await runQuietly(node, ['node_modules/ts7/bin/tsc', '-b', '--pretty', String(process.stdout.isTTY === true)], { cwd: ROOT, env: context.env });
    if (code !== 0) throw new Error('the build failed: see the compiler messages above');
  });
  return context;
}

/** Hands this terminal over to one of the built programs. */
function runBuilt(entry, args, { node, env }) {
  if (!existsSync(join(ROOT, entry))) throw new Error(`${entry} is not there after the build`);
  return runVisibly(node, [join(ROOT, entry), ...args], { env });
}

const COMMANDS = {
  start: (args, context) => runBuilt('apps/cli/dist/main.js', ['up', '--demo', ...args], context),
  test: testAll,
  'test:faults': testFaults,
  'test:images': testImages,
  bench: (args, context) => runBuilt('bench/dist/main.js', args, context),
};

const [command, ...args] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, command ?? '')) {
  console.error(USAGE);
  process.exit(2);
}
forwardSignals();
try {
  process.exitCode = await COMMANDS[command](args, await prepare());
} catch (error) {
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}

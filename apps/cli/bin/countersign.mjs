#!/usr/bin/env node
// Plain JavaScript that any Node understands: it finds Node 24, which everything else needs, and hands over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;
const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** The Node 24 that comes with the dependencies, in this folder's node_modules or one above. */
function findNode() {
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', '.bin', 'node');
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Runs the same command under another Node, and ends as it ends. */
function handOver(node) {
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both: this one waits for what the other makes of it.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`cannot run ${node}: ${error.message}`));
  child.on('close', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (!existsSync(entry)) fail('countersign is not built yet: run "npm run build" first');
if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) {
  await import(entry);
} else {
  const node = findNode();
  if (node === undefined) fail(`countersign needs Node ${NODE_MAJOR}, this is Node ${process.versions.node}`);
  handOver(node);
}

// Child processes of the runner: their signals, exit codes and output.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SAME_SIGNAL_MS = 500;
const running = new Set();
const forwardedAt = new Map();
let lastSignal;

function forward(signal) {
  lastSignal = signal;
  if (running.size === 0) process.exit(128 + constants.signals[signal]);
  // Ctrl-C in a terminal reaches the whole process group already: a second SIGINT would look like a second Ctrl-C.
  if (signal === 'SIGINT' && process.stdin.isTTY) return;
  // npm forwards what its whole group may have got as well: one signal, seen twice.
  if (performance.now() - (forwardedAt.get(signal) ?? -Infinity) < SAME_SIGNAL_MS) return;
  forwardedAt.set(signal, performance.now());
  for (const child of running) child.kill(signal);
}

/** @returns {number | undefined} the exit code of a run that was told to stop, undefined while it was not */
export function stopCode() {
  return lastSignal === undefined ? undefined : 128 + constants.signals[lastSignal];
}

/** The runner outlives its children's shutdown, so that it can pass on their exit code. */
export function forwardSignals() {
  for (const signal of FORWARDED) process.on(signal, () => forward(signal));
}

function finished(child, program) {
  running.add(child);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      running.delete(child);
      reject(new Error(`cannot run ${program}: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Runs a program on this terminal. @returns {Promise<number>} its exit code, 128 + signal number when killed */
export function runVisibly(program, args, options) {
  return finished(spawn(program, args, { stdio: 'inherit', ...options }), program);
}

/** Runs a program and shows what it printed only if it fails. @returns {Promise<number>} as runVisibly */
export async function runQuietly(program, args, options) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const code = await finished(child, program);
  if (code !== 0) process.stderr.write(Buffer.concat(output));
  return code;
}

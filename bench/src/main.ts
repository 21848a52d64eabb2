import { loadavg } from 'node:os';
import { writeFileSync } from 'node:fs';
import { allocatorEnv, fetchAllocator } from '@countersign/devstack';
import { Bench } from './bench.js';
import { figuresTable } from './figures.js';
import { IdentityBench } from './identity/bench.js';
import { identityTable } from './identity/figures.js';
import { IDENTITY_USAGE, readIdentityOptions } from './identity/options.js';
import { startIdentityStack, type IdentityStack } from './identity/stack.js';
import { KeysBench } from './keys/bench.js';
import { keysTable } from './keys/figures.js';
import { KEYS_USAGE, readKeysOptions } from './keys/options.js';
import { startKeysStack } from './keys/stack.js';
import { measureRules, readRulesOptions, RULES_USAGE } from './retention/bench.js';
import { readOptions, USAGE, type RunOptions } from './options.js';
import { appendRecord, describeHardware, describeMachine, memoryFileSystem, recordText, type MeasuredStack } from './record.js';
import { startStack, type BenchStack } from './stack.js';
import { SweepBench } from './sweep/bench.js';
import { sweepTable } from './sweep/figures.js';
import { readSweepOptions, SWEEP_USAGE } from './sweep/options.js';
import { startSweepStack, type SweepStack } from './sweep/stack.js';
import { rounded } from './table.js';

const startMs = performance.now();

function say(line: string): void {
  process.stdout.write(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
}

interface Measured {
  readonly figures: object;
  readonly table: string;
  readonly rounds: readonly string[];
}

/** What is measured on what. */
interface Run<S extends MeasuredStack> {
  readonly command: string;
  readonly starting: string;
  readonly options: RunOptions;
  readonly start: () => Promise<S>;
  readonly measure: (stack: S) => Promise<Measured>;
}

function ledgerRun(args: readonly string[]): Run<BenchStack> {
  const options = readOptions(args);
  return {
    command: 'npm run bench',
    starting: 'ledger and producer',
    options,
    start: () => startStack(options),
    measure: async (stack) => {
      const bench = new Bench(stack, options, say);
      await bench.run();
      return { figures: bench.figures, table: figuresTable(bench.figures), rounds: bench.rounds };
    },
  };
}

function keysRun(args: readonly string[]): Run<Awaited<ReturnType<typeof startKeysStack>>> {
  const options = readKeysOptions(args);
  return {
    command: 'npm run bench -- keys',
    starting: 'ledger, producer and key service',
    options,
    start: () => startKeysStack(options),
    measure: async (stack) => {
      const bench = new KeysBench(stack, options.scale, say);
      await bench.run();
      return { figures: bench.figures, table: keysTable(bench.figures), rounds: bench.rounds };
    },
  };
}

function identityRun(args: readonly string[]): Run<IdentityStack> {
  const options = readIdentityOptions(args);
  return {
    command: 'npm run bench -- identity',
    starting: 'key service, identity, ledger and two edges',
    options,
    start: startIdentityStack,
    measure: async (stack) => {
      const bench = new IdentityBench(stack, options.scale, say);
      await bench.run();
      return { figures: bench.figures, table: identityTable(bench.figures), rounds: bench.rounds };
    },
  };
}

function sweepRun(args: readonly string[]): Run<SweepStack> {
  const options = readSweepOptions(args);
  return {
    command: 'npm run bench -- sweep',
    starting: 'key service, identity, retention, ledger, an edge and a producer',
    options,
    start: startSweepStack,
    measure: async (stack) => {
      const bench = new SweepBench(stack, options.scale, say);
      await bench.run();
      return { figures: bench.figures, table: sweepTable(bench.figures), rounds: bench.rounds };
    },
  };
}

async function measure<S extends MeasuredStack>({ command, options, measure: work }: Run<S>, stack: S, startedAt: Date): Promise<void> {
  const onMemory = memoryFileSystem(stack.devstack.stateDir);
  if (onMemory !== undefined) throw new Error(`${stack.devstack.stateDir} lies on ${onMemory}, where fsync costs nothing: set TMPDIR to a folder on a disk`);
  const machine = await describeMachine(stack);
  say(machine);
  const load = `Load average at the start: ${loadavg()[0]!.toFixed(1)}.`;
  const { figures, table, rounds } = await work(stack);
  process.stdout.write(`\n${table}\n\n`);
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify(rounded(figures), null, 2)}\n`);
  if (options.isRecorded) say(`recorded in ${appendRecord(recordText({ startedAt, command, machine, load, rounds, table }))}`);
}

async function main<S extends MeasuredStack>(run: Run<S>): Promise<void> {
  const startedAt = new Date();
  say(`starting PostgreSQL with fsync, nats-server, ${run.starting}`);
  const stack = await run.start();
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
  try {
    await Promise.race([measure(run, stack, startedAt), stopped]);
  } finally {
    await stack.stop();
  }
}

/** Runs and ends this process: 0 when all was measured, 1 when not, 2 for a command line that it does not know. */
async function runToEnd<S extends MeasuredStack>(read: () => Run<S>, usage: string): Promise<never> {
  let run: Run<S>;
  try {
    run = read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`);
    process.exit(2);
  }
  try {
    await main(run);
    // Whatever a measurement that was cut short still waits for must not keep this process.
    process.exit(0);
  } catch (error) {
    process.stderr.write(`\nbench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

/** This process seals and opens fields as a service does, and hence with a service's allocator. */
function underAllocator(): void {
  fetchAllocator(say);
  const { LD_PRELOAD } = allocatorEnv();
  if (LD_PRELOAD === undefined) return;
  if (process.env['LD_PRELOAD'] === undefined) process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], { ...process.env, LD_PRELOAD });
  // PostgreSQL and nats-server run as they come.
  delete process.env['LD_PRELOAD'];
}

/** The rules are pure: there is nothing to start. */
function runRules(args: readonly string[]): void {
  const startedAt = new Date();
  const { scale, jsonFile, isRecorded } = readRulesOptions(args);
  const machine = describeHardware().join(', ');
  const load = `Load average at the start: ${loadavg()[0]!.toFixed(1)}.`;
  const { figures, table, rounds } = measureRules(scale, say);
  process.stdout.write(`\n${table}\n\n`);
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(rounded(figures), null, 2)}\n`);
  if (isRecorded) say(`recorded in ${appendRecord(recordText({ startedAt, command: 'npm run bench -- retention-rules', machine, load, rounds, table }))}`);
}

function rulesToEnd(args: readonly string[]): never {
  try {
    runRules(args);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${RULES_USAGE}\n`);
    process.exit(2);
  }
}

underAllocator();
const [first, ...rest] = process.argv.slice(2);
if (first === 'keys') await runToEnd(() => keysRun(rest), KEYS_USAGE);
else if (first === 'identity') await runToEnd(() => identityRun(rest), IDENTITY_USAGE);
else if (first === 'sweep') await runToEnd(() => sweepRun(rest), SWEEP_USAGE);
else if (first === 'retention-rules') rulesToEnd(rest);
else await runToEnd(() => ledgerRun(process.argv.slice(2)), USAGE);

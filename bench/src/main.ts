import { loadavg } from 'node:os';
import { writeFileSync } from 'node:fs';
import { Bench } from './bench.js';
import { figuresTable, rounded } from './figures.js';
import { readOptions, USAGE, type BenchOptions } from './options.js';
import { appendRecord, describeMachine, memoryFileSystem, recordText } from './record.js';
import { startStack, type BenchStack } from './stack.js';

const startMs = performance.now();

function say(line: string): void {
  process.stdout.write(`${((performance.now() - startMs) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
}

async function measure(options: BenchOptions, stack: BenchStack, startedAt: Date): Promise<void> {
  const onMemory = memoryFileSystem(stack.devstack.stateDir);
  if (onMemory !== undefined) throw new Error(`${stack.devstack.stateDir} lies on ${onMemory}, where fsync costs nothing: set TMPDIR to a folder on a disk`);
  const machine = await describeMachine(stack);
  say(machine);
  const load = `Load average at the start: ${loadavg()[0]!.toFixed(1)}.`;
  const bench = new Bench(stack, options, say);
  await bench.run();
  const table = figuresTable(bench.figures);
  process.stdout.write(`\n${table}\n\n`);
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify(rounded(bench.figures), null, 2)}\n`);
  if (options.isRecorded) say(`recorded in ${appendRecord(recordText({ startedAt, command: 'npm run bench', machine, load, rounds: bench.rounds, table }))}`);
}

async function main(options: BenchOptions): Promise<void> {
  const startedAt = new Date();
  say('starting PostgreSQL with fsync, nats-server, ledger and producer');
  const stack = await startStack(options);
  const stopped = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
  try {
    await Promise.race([measure(options, stack, startedAt), stopped]);
  } finally {
    await stack.stop();
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  try {
    await main(options);
    // Whatever a measurement that was cut short still waits for must not keep this process.
    process.exit(0);
  } catch (error) {
    process.stderr.write(`\nbench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
  process.exit(2);
}

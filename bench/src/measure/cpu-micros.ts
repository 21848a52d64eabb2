import { cpuSeconds } from '../child/process-usage.js';
import type { BenchStack } from '../stack.js';

/** CPU microseconds an operation, by process. Less disturbed by other work on the machine than any rate. */
export type CpuMicros = Readonly<Record<string, number>>;

/** Begins to count CPU time. The function returned divides what was spent since by a number of events. */
export function cpuMicros(stack: BenchStack): (events: number) => CpuMicros {
  return cpuMicrosOf({
    producer: () => cpuSeconds(stack.producer.pid),
    nats: () => cpuSeconds(stack.devstack.nats.pid),
    ledger: () => cpuSeconds(stack.ledger.pid),
    postgres: () => cpuSeconds(stack.devstack.postgres.pid),
  });
}

/** The same of any processes, each named with the CPU seconds that it took so far. */
export function cpuMicrosOf(seconds: Readonly<Record<string, () => number>>): (operations: number) => CpuMicros {
  const before = Object.entries(seconds).map(([name, read]) => ({ name, read, from: read() }));
  return (operations) => Object.fromEntries(before.map(({ name, read, from }) => [name, ((read() - from) * 1e6) / operations]));
}

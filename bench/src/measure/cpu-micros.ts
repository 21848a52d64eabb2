import { cpuSeconds } from '../child/process-usage.js';
import type { BenchStack } from '../stack.js';

/** CPU microseconds an event, by process. Less disturbed by other work on the machine than any rate. */
export type CpuMicros = Readonly<Record<'producer' | 'nats' | 'ledger' | 'postgres', number>>;

/** Begins to count CPU time. The function returned divides what was spent since by a number of events. */
export function cpuMicros(stack: BenchStack): (events: number) => CpuMicros {
  const now = (): CpuMicros => ({
    producer: cpuSeconds(stack.producer.pid),
    nats: cpuSeconds(stack.devstack.nats.pid),
    ledger: cpuSeconds(stack.ledger.pid),
    postgres: cpuSeconds(stack.devstack.postgres.pid),
  });
  const before = now();
  return (events) => {
    const after = now();
    const each = (name: keyof CpuMicros): number => ((after[name] - before[name]) * 1e6) / events;
    return { producer: each('producer'), nats: each('nats'), ledger: each('ledger'), postgres: each('postgres') };
  };
}

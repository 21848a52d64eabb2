import { availableParallelism } from 'node:os';
import { cpuSeconds, machineCpuSeconds } from '../child/process-usage.js';

/**
 * Begins to count what other programs take of the machine. The function returned says how much it was since, as a share
 * of all cores: figures measured beside other work are worth less, and whoever reads them must see it.
 */
export function foreignLoad(): () => number {
  const foreign = (): number => machineCpuSeconds() - cpuSeconds(process.pid);
  const startMs = performance.now();
  const before = foreign();
  return () => Math.max(0, (foreign() - before) / (((performance.now() - startMs) / 1000) * availableParallelism()));
}

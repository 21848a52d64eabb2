import type { CpuMicros } from './measure/cpu-micros.js';
import { quantile } from './quantile.js';

/** How rounds are written down. */

export const count = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });

export function spread(valuesMs: readonly number[]): string {
  const at = (share: number): string => quantile(valuesMs, share).toFixed(2);
  return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms of ${count(valuesMs.length)}`;
}

export const cpuLine = (micros: CpuMicros): string => Object.entries(micros).map(([name, value]) => `${name} ${value.toFixed(1)}`).join(', ');
export const foreignLine = (share: number): string => `; other programs took ${(share * 100).toFixed(0)} % of the machine`;

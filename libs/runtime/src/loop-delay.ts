import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 2;
const NANOS_PER_MS = 1e6;

export interface LoopDelayMonitor {
  /** The longest time between two turns of the event loop since the last reset, milliseconds; at most 2 ms too long, never too short. */
  maxMs(): number;
  reset(): void;
  stop(): void;
}

/** Measures how long the event loop was blocked. */
export function loopDelayMonitor(): LoopDelayMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    maxMs: () => histogram.max / NANOS_PER_MS,
    reset: () => histogram.reset(),
    stop: () => histogram.disable(),
  };
}

import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 2;
const NANOS_PER_MS = 1e6;
const MICROS_PER_MS = 1e3;

export interface LoopDelayMonitor {
  /** The longest time between two turns of the event loop since the last reset, milliseconds; at most 2 ms too long, never too short. */
  maxMs(): number;
  /**
   * The most CPU time that the thread of the loop took between two turns, milliseconds; at most 2 ms too long. What
   * {@link maxMs} has beyond it was waiting for a core, which no code of this process can shorten.
   */
  workMaxMs(): number;
  reset(): void;
  stop(): void;
}

/** Measures how long the event loop was blocked, and how much of that was its own work. */
export function loopDelayMonitor(): LoopDelayMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let before = cpuMs();
  let workMaxMs = 0;
  const timer = setInterval(() => {
    const now = cpuMs();
    workMaxMs = Math.max(workMaxMs, now - before);
    before = now;
  }, RESOLUTION_MS).unref();
  return {
    maxMs: () => histogram.max / NANOS_PER_MS,
    workMaxMs: () => workMaxMs,
    reset() {
      histogram.reset();
      workMaxMs = 0;
    },
    stop() {
      histogram.disable();
      clearInterval(timer);
    },
  };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / MICROS_PER_MS;
}

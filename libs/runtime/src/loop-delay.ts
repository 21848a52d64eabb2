const RESOLUTION_MS = 2;
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

/** Measures how long the event loop was blocked, and how much of that was its own work: by one timer, whose turns are all that it costs. */
export function loopDelayMonitor(): LoopDelayMonitor {
  let before = { atMs: performance.now(), cpuMs: cpuMs() };
  let [maxMs, workMaxMs] = [0, 0];
  const timer = setInterval(() => {
    const now = { atMs: performance.now(), cpuMs: cpuMs() };
    maxMs = Math.max(maxMs, now.atMs - before.atMs);
    workMaxMs = Math.max(workMaxMs, now.cpuMs - before.cpuMs);
    before = now;
  }, RESOLUTION_MS).unref();
  return {
    maxMs: () => maxMs,
    workMaxMs: () => workMaxMs,
    reset() {
      [maxMs, workMaxMs] = [0, 0];
    },
    stop: () => clearInterval(timer),
  };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / MICROS_PER_MS;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../child/process-usage.js';

const PERIOD_MS = 500;
/** Of one core: metrics, heartbeats and this measuring. */
const IDLE_SHARE = 0.1;
const IDLE_PERIODS = 2;

/** Waits until all that this process started has finished its background work. Says whether it did within `limitMs`. */
export async function untilIdle(limitMs: number): Promise<boolean> {
  const untilMs = performance.now() + limitMs;
  let idlePeriods = 0;
  while (idlePeriods < IDLE_PERIODS) {
    if (performance.now() > untilMs) return false;
    const before = cpuSeconds(process.pid);
    const startMs = performance.now();
    await sleep(PERIOD_MS);
    const share = ((cpuSeconds(process.pid) - before) * 1000) / (performance.now() - startMs);
    idlePeriods = share < IDLE_SHARE ? idlePeriods + 1 : 0;
  }
  return true;
}

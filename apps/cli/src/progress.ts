import { SingleBar } from 'cli-progress';
import type { Streams } from './output.js';

const BAR_MS = 100;
const LINE_MS = 5_000;

export interface Progress {
  /** `total` may become known, or grow, on the way. */
  update(done: number, total: number): void;
  stop(): void;
}

/** Nobody watches: for JSON output and tests. */
export const NO_PROGRESS: Progress = { update: () => undefined, stop: () => undefined };

/** A bar on stderr when that is a terminal; else a line now and then, so that logs stay short. */
export function progressOn(streams: Streams, what: string, unit: string): Progress {
  return streams.err.isTTY === true ? bar(streams, what, unit) : lines(streams, what, unit);
}

function bar(streams: Streams, what: string, unit: string): Progress {
  const single = new SingleBar({
    format: `${what} {bar} {percentage}% {value}/{total} ${unit}, {duration_formatted}`,
    stream: streams.err,
    clearOnComplete: true,
    hideCursor: true,
    fps: 1000 / BAR_MS,
    barsize: 30,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) single.start(total, done);
      started = true;
      single.setTotal(total);
      single.update(done);
    },
    stop() {
      if (started) single.stop();
    },
  };
}

function lines(streams: Streams, what: string, unit: string): Progress {
  let lastMs = performance.now();
  return {
    update(done, total) {
      const nowMs = performance.now();
      if (nowMs - lastMs < LINE_MS) return;
      lastMs = nowMs;
      streams.err.write(`${what}: ${count(done)} of ${count(total)} ${unit}\n`);
    },
    stop: () => undefined,
  };
}

/** A whole number with thin groups: 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

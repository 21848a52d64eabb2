import { Piscina } from 'piscina';
import type { CheckpointsJob, CheckpointsResult } from './verify-checkpoints.js';
import type { SegmentJob, SegmentResult } from './segment.js';

/** Where the heavy part of a verification runs. */
export interface VerifyRunner {
  segment(job: SegmentJob): Promise<SegmentResult>;
  checkpoints(job: CheckpointsJob): Promise<CheckpointsResult>;
  readonly threads: number;
  close(): Promise<void>;
}

const IDLE_MS = 30_000;
/** Where cores are short, appending comes first: a verification may take longer, a receipt may not. */
const NICE = 10;
/** What a thread allocates dies young: a larger nursery would only be resident. */
const YOUNG_MIB_MAX = 8;

/** Worker threads: recomputing a history must never hold up the event loop that takes events in. */
export function threadRunner(threads: number): VerifyRunner {
  const pool = new Piscina({
    filename: new URL('./verify-worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
    niceIncrement: NICE,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB_MAX },
  });
  return {
    segment: (job) => pool.run(job, { name: 'verifySegment' }) as Promise<SegmentResult>,
    checkpoints: (job) => pool.run(job, { name: 'verifyCheckpoints' }) as Promise<CheckpointsResult>,
    threads,
    close: () => pool.destroy(),
  };
}

import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { hashingAdmission, ITERATIONS_DEFAULT, passwordHasher } from '@countersign/credentials';

/** More than there are cores, and no more than may wait. */
const CLIENTS = 16;
const RESOLUTION_MS = 1;
const MS_PER_NS = 1e-6;

export interface SignIns {
  readonly perSecond: number;
  readonly loopDelayP99Ms: number;
}

/** `count` jobs, so many at once, by the second. */
export async function rateOfJobs(count: number, atOnce: number, job: (client: number) => Promise<void>): Promise<number> {
  const startMs = performance.now();
  let left = count;
  const client = async (number: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await job(number);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, number) => client(number)));
  return (count * 1000) / (performance.now() - startMs);
}

/** Verifies wrong passwords against one record, as the identity service does. */
export async function openSignIns(): Promise<(count: number) => Promise<SignIns>> {
  const peppers = { active: 1, bytesOf: () => new Uint8Array(32) };
  const hasher = passwordHasher({ peppers, admission: hashingAdmission() });
  const stored = await hasher.hash('correct horse battery staple');
  return async (count) => {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    const perSecond = await rateOfJobs(count, CLIENTS, async () => {
      const { isRight } = await hasher.verify('incorrect horse battery staple', stored);
      if (isRight) throw new Error('a wrong password was taken for the right one');
    });
    delay.disable();
    return { perSecond, loopDelayP99Ms: delay.percentile(99) * MS_PER_NS };
  };
}

/** PBKDF2 and nothing else: a thread for each core, which derives without a pause. */
export class BareCores {
  readonly #threads = Array.from({ length: availableParallelism() }, () => new Worker(new URL('./pbkdf2-worker.js', import.meta.url)));

  async perSecond(count: number): Promise<number> {
    return rateOfJobs(count, this.#threads.length, async (number) => {
      const thread = this.#threads[number]!;
      thread.postMessage(ITERATIONS_DEFAULT);
      await once(thread, 'message');
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }
}

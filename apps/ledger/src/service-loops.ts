import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@countersign/runtime';

/** More bytes than this between bus and commit, and background work makes room. */
export const BUSY_BACKLOG_BYTES = 512 * 1024;
const RETRY_MS_MAX = 30_000;

/** Runs `work` again and again with a pause between, until stopped. */
export function every(pauseMs: number, work: () => Promise<void>, onError: (error: unknown) => void): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await work().catch(onError);
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Tries `work` with growing pauses until it resolves. */
export async function retryUntilDone(log: Logger, what: string, work: () => Promise<void>): Promise<void> {
  for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
    try {
      await work();
      return;
    } catch (error) {
      log.warn({ err: error, what }, 'failed, it is tried again');
      await sleep(pauseMs);
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';

export interface Loop {
  /** Resolves when the round under way is over. */
  stop(): Promise<void>;
  /** Begins the next round now. */
  wake(): void;
}

/** Runs `work` again and again with a pause between, until stopped. */
export function every(pauseMs: number, work: () => Promise<void>, onError: (error: unknown) => void): Loop {
  const stopping = new AbortController();
  let waking = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      waking = new AbortController();
      await work().catch(onError);
      await sleep(pauseMs, undefined, { signal: AbortSignal.any([stopping.signal, waking.signal]) }).catch(() => undefined);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
    wake: () => waking.abort(),
  };
}

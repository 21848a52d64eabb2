import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** Resolves when `condition` holds; rejects with `what` after `limitMs`. */
export async function until(what: string, limitMs: number, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(POLL_MS);
  }
}

/** The value of `work`, or a rejection that names it when it takes longer than `limitMs`. */
export async function within<T>(what: string, limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took over ${limitMs} ms: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

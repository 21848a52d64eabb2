import { setImmediate as turn } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { unlessAborted } from '../src/unless-aborted.js';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

describe('unlessAborted', () => {
  it('settles as the work does', async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(7), signal)).toBe(7);
    await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  });

  it('rejects with the reason of a signal that is aborted before or meanwhile, whatever the work does after', async () => {
    const stopping = new AbortController();
    const work = Promise.withResolvers<number>();
    const waiting = unlessAborted(work.promise, stopping.signal);
    const reason = new Error('stopped');
    stopping.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(unlessAborted(Promise.resolve(7), stopping.signal)).rejects.toBe(reason);
    // Nobody listens any more, and it is still no unhandled rejection.
    work.reject(new Error('late'));
    await turn();
  });

  it('keeps nothing of works that ended, however long the signal lives', async () => {
    const { signal } = new AbortController();
    const results: WeakRef<object>[] = [];
    for (let k = 0; k < 100; k++) {
      const result = { page: Buffer.alloc(1024, k) };
      results.push(new WeakRef(result));
      await unlessAborted(Promise.resolve(result), signal);
    }
    await turn();
    collect();
    // The last may still lie on the stack.
    expect(results.filter((result) => result.deref() !== undefined).length).toBeLessThan(5);
    expect(signal.aborted).toBe(false);
  });
});

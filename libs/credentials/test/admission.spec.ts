import { describe, expect, it } from '@jest/globals';
import { Admission } from '../src/admission.js';

/** Jobs that end when they are told to, by a clock that stands still unless it is moved. */
function stand(concurrency: number, queueMax: number) {
  let nowMs = 0;
  const admission = new Admission({ concurrency, queueMax, clock: () => nowMs });
  const started: string[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const start = (name: string): Promise<void> =>
    admission.run(() => {
      started.push(name);
      return new Promise<void>((resolve, reject) => ends.set(name, { resolve, reject }));
    });
  return { admission, started, ends, start, advance: (ms: number) => (nowMs += ms) };
}

const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('admission', () => {
  it('runs so many at once, and the rest in the order in which they came', async () => {
    const { admission, started, ends, start } = stand(2, 2);
    const all = ['a', 'b', 'c', 'd'].map(start);
    await settled();
    expect(started).toEqual(['a', 'b']);
    expect([admission.running, admission.waiting]).toEqual([2, 2]);
    ends.get('b')?.resolve();
    await settled();
    expect(started).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c']) ends.get(name)?.resolve();
    await settled();
    ends.get('d')?.resolve();
    await Promise.all(all);
    expect([admission.running, admission.waiting]).toEqual([0, 0]);
  });

  it('turns away at once what finds the queue full, and says when to come again', async () => {
    const { ends, start, advance, started } = stand(2, 1);
    const first = [start('a'), start('b'), start('c')];
    await expect(start('d')).rejects.toMatchObject({ code: 'HASHER_OVERLOADED', retryAfterMs: 150 });
    await settled();
    advance(1150);
    ends.get('a')?.resolve();
    await settled();
    expect(started).toEqual(['a', 'b', 'c']);
    const waits = start('e');
    // Jobs take longer than was thought: (1 + 1) × 250 ms on 2 cores.
    await expect(start('f')).rejects.toMatchObject({ code: 'HASHER_OVERLOADED', retryAfterMs: 250 });
    for (const name of ['b', 'c']) ends.get(name)?.resolve();
    await settled();
    ends.get('e')?.resolve();
    await Promise.all([...first, waits]);
  });

  it('gives the place of a job that fails to the next', async () => {
    const { admission, ends, start } = stand(1, 1);
    const [bad, good] = [start('bad'), start('good')];
    await settled();
    ends.get('bad')?.reject(new Error('broken'));
    await expect(bad).rejects.toThrow('broken');
    await settled();
    ends.get('good')?.resolve();
    await good;
    expect([admission.running, admission.waiting]).toEqual([0, 0]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { Looks } from '../src/hold/looks.js';

const AWAY = new Error('away');

describe('looks', () => {
  it('come one after the other, each as long after the one before as that one asks for', async () => {
    const told: unknown[] = [];
    const done = Promise.withResolvers<void>();
    let [looking, looked, most] = [0, 0, 0];
    const look = async (): Promise<void> => {
      most = Math.max(most, ++looking);
      await new Promise(setImmediate);
      looking -= 1;
      looked += 1;
      if (looked === 1) throw AWAY;
      if (looked === 3) done.resolve();
    };
    const looks = new Looks(look, (error) => {
      told.push(error);
      return looked === 3 ? 60_000 : 1;
    });
    await looks.start();
    expect(told).toEqual([AWAY]);
    await done.promise;
    await looks.stop();
    expect({ looked, most }).toEqual({ looked: 3, most: 1 });
  });

  it('let a start go on after a second, and a stop at once, when no answer comes', async () => {
    const told: unknown[] = [];
    const begun = performance.now();
    const looks = new Looks(() => looks.answer(new Promise(() => undefined)), (error) => told.push(error));
    await looks.start();
    const startedMs = performance.now() - begun;
    await looks.stop();
    expect(startedMs).toBeGreaterThan(900);
    expect(performance.now() - begun - startedMs).toBeLessThan(500);
    // Its own end is nothing to tell of.
    expect(told).toEqual([]);
  });
});

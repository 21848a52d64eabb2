import { describe, expect, it } from '@jest/globals';
import { MemoryAttempts } from '../src/index.js';
import { attemptsContract } from './contract.js';

attemptsContract('attempts in memory', async () => new MemoryAttempts());

describe('attempts in memory', () => {
  it('forget what was quiet longest when there are too many keys', async () => {
    const attempts = new MemoryAttempts({ keysMax: 2 });
    for (const key of ['a', 'b', 'c']) await attempts.begin({ id: key, keys: [key], atMs: 1_000 });
    expect(await Promise.all(['a', 'b', 'c'].map(async (key) => (await attempts.look(key, 1_000)).failures))).toEqual([0, 1, 1]);
  });
});

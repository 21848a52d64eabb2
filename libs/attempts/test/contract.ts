import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LOCK_POLICY, type Attempts } from '../src/index.js';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 0, 31);

/** One store, and attempts on keys that nobody else uses. */
class Stand {
  #keys = 0;
  #ids = 0;

  constructor(readonly attempts: Attempts) {}

  newKey(): string {
    return `key-${++this.#keys}`;
  }

  begin(key: string | readonly string[], atMs: number): ReturnType<Attempts['begin']> {
    return this.attempts.begin({ id: `a${++this.#ids}`, keys: typeof key === 'string' ? [key] : key, atMs });
  }

  /** Fails so often, each time as soon as it may; returns the time of the last failure. */
  async fail(key: string, times: number, atMs: number): Promise<number> {
    let last = atMs;
    for (let done = 0, now = atMs; done < times; ) {
      const begun = await this.begin(key, now);
      if (begun.isLocked) now += begun.retryAfterMs;
      else {
        done += 1;
        last = now;
      }
    }
    return last;
  }
}

/** Obligations of every store of attempts. */
export function attemptsContract(name: string, open: () => Promise<Attempts>): void {
  describe(name, () => {
    let stand: Stand;
    beforeAll(async () => {
      stand = new Stand(await open());
    });
    afterAll(() => stand.attempts.close());
    describe('locks', () => locking(() => stand));
    describe('forgets', () => forgetting(() => stand));
  });
}

function locking(stand: () => Stand): void {
  it.each([
    [4, 0],
    [5, MINUTE_MS],
    [6, MINUTE_MS],
    [9, MINUTE_MS],
    [10, 15 * MINUTE_MS],
    [19, 15 * MINUTE_MS],
    [20, 24 * 60 * MINUTE_MS],
  ])('after %i failures locks for %i ms, and not one longer', async (failures, lockMs) => {
    const key = stand().newKey();
    const last = await stand().fail(key, failures, START_MS);
    expect(await stand().attempts.look(key, last)).toEqual({ failures, lockedUntilMs: lockMs === 0 ? 0 : last + lockMs });
    if (lockMs > 0) expect(await stand().begin(key, last + lockMs - 1)).toEqual({ isLocked: true, key, retryAfterMs: 1 });
    expect((await stand().begin(key, last + lockMs)).isLocked).toBe(false);
  });

  it('tells once of each step that is reached', async () => {
    const key = stand().newKey();
    const reached: number[] = [];
    for (let now = START_MS, failures = 0; failures < 22; ) {
      const begun = await stand().begin(key, now);
      if (begun.isLocked) now += begun.retryAfterMs;
      else {
        failures += 1;
        for (const { step } of begun.reached) reached.push(failures, step.lockMs, step.isAlert === true ? 1 : 0);
      }
    }
    expect(reached).toEqual([5, MINUTE_MS, 0, 10, 15 * MINUTE_MS, 0, 20, 24 * 60 * MINUTE_MS, 1]);
  });

  it('lets only so many through that come at the same moment', async () => {
    const key = stand().newKey();
    const begun = await Promise.all(Array.from({ length: 200 }, () => stand().begin(key, START_MS)));
    expect(begun.filter(({ isLocked }) => !isLocked).length).toBe(5);
  });

  it('counts nothing while it is locked', async () => {
    const key = stand().newKey();
    const last = await stand().fail(key, 5, START_MS);
    for (let i = 0; i < 50; i++) await stand().begin(key, last + i);
    expect((await stand().attempts.look(key, last + 50)).failures).toBe(5);
  });
}

function forgetting(stand: () => Stand): void {
  it('forgets failures that are out of the window', async () => {
    const key = stand().newKey();
    await stand().fail(key, 4, START_MS);
    await stand().begin(key, START_MS + LOCK_POLICY.windowMs);
    expect(await stand().attempts.look(key, START_MS + LOCK_POLICY.windowMs)).toEqual({ failures: 1, lockedUntilMs: 0 });
  });

  it('keeps a lock of 24 hours though the first failures leave the window before its end', async () => {
    const key = stand().newKey();
    const last = await stand().fail(key, 20, START_MS);
    expect(last).toBeGreaterThan(START_MS + 60 * MINUTE_MS);
    expect((await stand().begin(key, START_MS + LOCK_POLICY.windowMs + MINUTE_MS)).isLocked).toBe(true);
  });

  it('takes back an attempt that succeeds, with the lock that it would have brought, and forgets what was asked to be', async () => {
    const [address, account] = [stand().newKey(), stand().newKey()];
    for (let i = 0; i < 4; i++) await stand().begin([address, account], START_MS + i);
    const attempt = { id: 'right', keys: [address, account], atMs: START_MS + 10 };
    expect((await stand().attempts.begin(attempt)).isLocked).toBe(false);
    expect((await stand().begin(address, START_MS + 11)).isLocked).toBe(true);
    await stand().attempts.succeed(attempt, [account]);
    expect(await stand().attempts.look(address, START_MS + 12)).toEqual({ failures: 4, lockedUntilMs: 0 });
    expect(await stand().attempts.look(account, START_MS + 12)).toEqual({ failures: 0, lockedUntilMs: 0 });
  });

  it('refuses when any key is locked, names the one that stays so longest, and counts for none', async () => {
    const [free, minute, quarter] = [stand().newKey(), stand().newKey(), stand().newKey()];
    const last = await stand().fail(quarter, 10, START_MS);
    await stand().fail(minute, 5, last);
    expect(await stand().begin([free, minute, quarter], last + 1)).toEqual({ isLocked: true, key: quarter, retryAfterMs: 15 * MINUTE_MS - 1 });
    expect(await stand().attempts.look(free, last + 1)).toEqual({ failures: 0, lockedUntilMs: 0 });
  });

  it('forgets a key when it is told to', async () => {
    const key = stand().newKey();
    const last = await stand().fail(key, 10, START_MS);
    await stand().attempts.forget(key);
    expect((await stand().begin(key, last)).isLocked).toBe(false);
  });

  it('is not fooled by a clock that was set back', async () => {
    const key = stand().newKey();
    await stand().fail(key, 4, START_MS + 1_000);
    await stand().begin(key, START_MS);
    expect(await stand().attempts.look(key, START_MS)).toEqual({ failures: 5, lockedUntilMs: START_MS + 1_000 + MINUTE_MS });
  });
}

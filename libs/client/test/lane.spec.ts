import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Entry, Lane, type Batch } from '../src/delivery/lane.js';

type Step = { readonly does: 'push' | 'take' | 'clear' | 'restore' | 'rewind' | 'stall'; readonly n: number };

const steps = fc.array(
  fc.record({ does: fc.constantFrom<Step['does']>('push', 'push', 'take', 'take', 'clear', 'clear', 'restore', 'rewind', 'stall'), n: fc.nat(40) }),
  { maxLength: 200 },
);

/** What a lane must do, told with plain lists. */
class LaneByDefinition {
  readonly entries: { readonly entry: Entry; state: 'unsent' | 'sent' | 'cleared'; sends: number }[] = [];

  of(state: 'unsent' | 'sent'): Entry[] {
    return this.entries.filter((one) => one.state === state).map(({ entry }) => entry);
  }

  find(entry: Entry): { state: 'unsent' | 'sent' | 'cleared'; sends: number } {
    return this.entries.find((one) => one.entry === entry) as { state: 'unsent' | 'sent' | 'cleared'; sends: number };
  }
}

function play(lane: Lane, expected: LaneByDefinition, batches: Batch[], { does, n }: Step): void {
  if (does === 'push') {
    for (let at = 0; at <= n; at++) {
      const entry = new Entry(lane, `${expected.entries.length}`, undefined);
      entry.bytes = 100;
      lane.entryById.set(entry.id, entry);
      lane.push(entry);
      expected.entries.push({ entry, state: 'unsent', sends: 0 });
    }
  } else if (does === 'take') {
    const stalled = lane.stalled;
    const wanted = expected.of('unsent').slice(0, n + 1);
    const firstNew = wanted.findIndex((entry) => expected.find(entry).sends === 0);
    const allowed = stalled && firstNew >= 0 ? wanted.slice(0, firstNew) : wanted;
    const batch = lane.take(n + 1, 1_000_000, 0);
    expect(batch?.entries ?? []).toEqual(allowed);
    for (const entry of allowed) {
      entry.sends++;
      Object.assign(expected.find(entry), { state: 'sent', sends: entry.sends });
    }
    if (batch !== undefined) batches.push(batch);
  } else if (does === 'clear') {
    const left = expected.entries.filter(({ state }) => state !== 'cleared');
    const one = left[n % Math.max(1, left.length)];
    if (one === undefined) return;
    lane.clear(one.entry, 1);
    one.state = 'cleared';
  } else if (does === 'restore') {
    const batch = batches[n % Math.max(1, batches.length)];
    if (batch === undefined) return;
    for (const entry of batch.entries) if (entry.batch === batch && !entry.cleared) expected.find(entry).state = 'unsent';
    lane.restore(batch);
  } else if (does === 'rewind') {
    for (const entry of expected.of('sent').slice(0, n)) expected.find(entry).state = 'unsent';
    lane.rewind(n, 0, false);
  } else {
    lane.stalled = true;
  }
}

describe('lane', () => {
  it('always hands out the oldest unsent entries, in order, and counts right', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const lane = new Lane('acme', 5_000);
        const expected = new LaneByDefinition();
        const batches: Batch[] = [];
        for (const step of script) {
          play(lane, expected, batches, step);
          expect(lane.unsent).toBe(expected.of('unsent').length);
          expect(lane.unsentBytes).toBe(expected.of('unsent').length * 100);
          expect(lane.unreceipted).toBe(expected.of('sent').length);
          expect(lane.oldest).toBe(expected.entries.find(({ state }) => state !== 'cleared')?.entry);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('forgets what was cleared although the oldest entry stays', () => {
    const lane = new Lane('acme', 5_000);
    const entries = Array.from({ length: 10_000 }, (_, at) => new Entry(lane, `${at}`, undefined));
    for (const entry of entries) lane.push(entry);
    expect(lane.take(5, 1_000, 0)?.entries).toEqual(entries.slice(0, 5));
    for (const entry of entries.slice(1, 9_000)) lane.clear(entry, 1);
    expect(lane.oldest).toBe(entries[0]);
    expect(lane.take(5, 1_000, 0)?.entries).toEqual(entries.slice(9_000, 9_005));
  });
});

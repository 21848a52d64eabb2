import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { admitEvent, leafHash, RightEdge } from '@countersign/chain';
import type { Verdict } from '@countersign/contracts';
import { cutSegments, SEGMENT_ENTRIES } from '../../src/verify/claimed-state.js';
import { FileProgressStore } from '../../src/verify/progress-store.js';
import { restoreState, saveState, type SavedState } from '../../src/verify/saved-state.js';
import { verdictEvent } from '../../src/verify/verdict-event.js';
import { tempDir } from '../fixture/temp-dir.js';

function stateAt(index: number): SavedState {
  const edge = RightEdge.empty();
  for (let i = 0; i < index; i++) edge.append(leafHash(Buffer.from(String(i))));
  return saveState({ index, previousEventHash: 'ab'.repeat(32), recordedAt: '2026-03-01T12:00:00.000Z', edge });
}

const VERDICT: Verdict = {
  tenant: 'acme',
  verdict: 'broken',
  kind: 'full',
  fromIndex: 0,
  toIndex: 5,
  treeSize: 5,
  startedAt: '2026-03-01T12:00:00.000Z',
  finishedAt: '2026-03-01T12:00:01.000Z',
  fault: { code: 'ENTRY_ALTERED', message: 'entry 3 is not the one that was chained', firstIndex: 3, lastIndex: 3, firstBadTime: '2026-03-01T11:00:00.000Z' },
};

describe('a saved state', () => {
  it.each([1, 2, 255, 256, 257, 511, 512, 1_000])('restores to the same tree of %i leaves', (index) => {
    const saved = stateAt(index);
    const restored = restoreState(JSON.parse(JSON.stringify(saved)) as SavedState);
    expect(saveState(restored)).toEqual(saved);
    const next = leafHash(Buffer.from(String(index)));
    const again = stateAt(index + 1);
    restored.edge.append(next);
    expect(saveState({ ...restored, index: index + 1 })).toEqual(again);
  });

  it('is refused when its tiles do not fit its size', () => {
    expect(() => restoreState({ ...stateAt(5), index: 6 })).toThrow(new RangeError('level 0 of a tree of 6 needs 6 hashes, not 5'));
  });
});

describe('the progress of verification', () => {
  it('is kept in a file that only its owner reads', async () => {
    const dir = join(await tempDir(), 'verified');
    const store = new FileProgressStore(dir);
    expect(await store.load('acme')).toEqual({});
    const progress = { verified: stateAt(300), lastFullAt: '2026-03-01T12:00:00.000Z', full: stateAt(7), broken: VERDICT };
    await store.save('acme', progress);
    await store.save('globex', {});
    expect(await new FileProgressStore(dir).load('acme')).toEqual(progress);
    expect(await store.load('globex')).toEqual({});
    expect((await readdir(dir)).sort()).toEqual(['acme.json', 'globex.json']);
    expect((await stat(join(dir, 'acme.json'))).mode & 0o777).toBe(0o600);
  });

  it.each(['', '{"verified":', 'null', '[1', JSON.stringify({ verified: { ...stateAt(5), index: 6 } }), JSON.stringify({ full: { index: 9 } })])(
    'begins anew when the file cannot be used: %s',
    async (text) => {
      const dir = await tempDir();
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, 'acme.json'), text);
      expect(await new FileProgressStore(dir).load('acme')).toEqual({});
    },
  );
});

describe('the stretches of a pass', () => {
  it('cover everything once, join, begin at whole tiles and are never longer than the limit', () => {
    fc.assert(
      fc.property(fc.nat(3_000_000), fc.integer({ min: 1, max: 3_000_000 }), fc.integer({ min: 1, max: 64 }), (start, length, threads) => {
        const end = start + length;
        const cuts = cutSegments(start, end, threads);
        expect([cuts[0], cuts.at(-1)]).toEqual([start, end]);
        for (let i = 1; i < cuts.length; i++) {
          expect(cuts[i]!).toBeGreaterThan(cuts[i - 1]!);
          expect(cuts[i]! - cuts[i - 1]!).toBeLessThanOrEqual(SEGMENT_ENTRIES);
          if (i < cuts.length - 1) expect(cuts[i]! % 256).toBe(0);
        }
      }),
    );
  });

  it('give every thread some work', () => {
    expect(cutSegments(0, 10_240, 4)).toEqual([0, 2_560, 5_120, 7_680, 10_240]);
    expect(cutSegments(0, 100, 4)).toEqual([0, 100]);
  });
});

describe('the event of a verdict', () => {
  const eventId = '0190a5c0-0000-7000-8000-000000000001';
  const address = { source: 'ledger', tenant: 'system' };

  it('is an alert when the ledger is broken, and admitted as it is', () => {
    const event = verdictEvent({ eventId, verdict: VERDICT });
    expect(event).toMatchObject({ id: eventId, type: 'ledger.integrity.broken', severity: 'alert', outcome: 'failure', resource: { type: 'ledger', id: 'acme' }, data: VERDICT });
    expect(admitEvent(JSON.parse(JSON.stringify(event)), address).event.id).toBe(eventId);
  });

  it('is information when it is intact', () => {
    const event = verdictEvent({ eventId, verdict: { ...VERDICT, verdict: 'intact', fault: undefined } });
    expect(event).toMatchObject({ type: 'ledger.history.verified', severity: 'info', outcome: 'success', time: VERDICT.finishedAt });
    expect(admitEvent(JSON.parse(JSON.stringify(event)), address).event.type).toBe('ledger.history.verified');
  });
});

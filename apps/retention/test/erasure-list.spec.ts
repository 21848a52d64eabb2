import { describe, expect, it } from '@jest/globals';
import { ERASURES_PAGE_MAX } from '@countersign/contracts';
import type { Tombstone } from '../src/requests/tombstones.js';
import { page } from '../src/requests/erasures.js';

const AT = '2026-01-01T00:00:00.000Z';
const line = (id: number) => ({ requestId: `r${id}`, tenant: 'system', subject: `s${id}`, at: AT });

function listOf(lines: readonly Tombstone[], openIds: readonly string[]) {
  const begun = {
    tombstones: { lines: async () => lines },
    requests: { openOf: async (ids: readonly string[]) => new Set(ids.filter((id) => openIds.includes(id))) },
  };
  return (after: number) => page(begun, after);
}

describe('what services are told of erasures', () => {
  it('goes on behind one that is open, names whose it is, and where to begin again', async () => {
    const list = listOf([line(0), line(1), line(2), { ...line(2), isVoid: true as const }, line(4)], ['r1']);
    const { erasures, ...rest } = await list(0);
    expect(erasures.map(({ requestId }) => requestId)).toEqual(['r0', 'r4']);
    expect(rest).toEqual({ open: [{ tenant: 'system', subject: 's1' }], resume: 1, next: 5, isLast: true });
  });

  it('comes page by page, also when everything on one is open', async () => {
    const ids = Array.from({ length: ERASURES_PAGE_MAX + 1 }, (_, at) => at);
    const list = listOf(ids.map(line), ids.slice(0, ERASURES_PAGE_MAX).map((id) => `r${id}`));
    expect(await list(0)).toMatchObject({ erasures: [], resume: 0, next: ERASURES_PAGE_MAX, isLast: false });
    expect(await list(ERASURES_PAGE_MAX)).toMatchObject({ erasures: [{ requestId: `r${ERASURES_PAGE_MAX}` }], open: [], resume: ERASURES_PAGE_MAX + 1, isLast: true });
    // A file that somebody has cut: all of it again.
    expect(await list(ERASURES_PAGE_MAX + 2)).toMatchObject({ resume: 0, next: ERASURES_PAGE_MAX });
  });
});

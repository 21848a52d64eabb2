import { describe, expect, it } from '@jest/globals';
import type { RetentionResult } from '@countersign/contracts';
import { Registry } from 'prom-client';
import { Erasures } from '../src/hold/erasures.js';

type Page = RetentionResult<'erasure-list'>;
const AT = '2026-01-01T00:00:00.000Z';
const erasure = (requestId: string, subject: string) => ({ requestId, tenant: 'system', subject, at: AT, keep: [] });

/** A database that was put back, beside a retention that tells these pages, each from its place. */
function restored(pages: Map<number, Page>) {
  const [letGo, asked]: [string[], number[]] = [[], []];
  let place = 0;
  const erasures = new Erasures({
    rows: {
      place: async () => place,
      setPlace: async (to) => void (place = to),
      forgotten: async (some) => some.filter(({ requestId }) => !letGo.includes(requestId)).map(({ requestId, subject }) => ({ requestId, subject })),
      untold: async () => [],
      told: async () => undefined,
    },
    // Nobody's key is there any more: whoever is looked up is not let in.
    users: { find: async (userId) => ({ user_id: userId, state: 'active', organization: null, email_index: 'i', email: 'sealed', name: 'sealed', locale: null, created_at: new Date(AT), is_mfa_enrolled: false, is_restricted: false, access: '1', roles: [] }) },
    columns: { open: async () => [undefined] },
    retention: {
      ask: async (_operation, _context, args) => {
        const { after } = args as { after: number };
        asked.push(after);
        return pages.get(after) as never;
      },
    },
    tenant: 'system',
    registry: new Registry(),
    log: { warn: () => undefined, info: () => undefined },
  });
  return { erasures, letGo, asked, placeIs: () => place, start: () => erasures.start(async (requestId) => void letGo.push(requestId)) };
}

describe('erasures that a database has forgotten', () => {
  it('are done behind one that is open for weeks; only whose is open is looked up with the key service, and read again', async () => {
    const pages = new Map<number, Page>([
      [0, { erasures: [erasure('r1', 'ann')], open: [{ tenant: 'system', subject: 'bob' }, { tenant: 'acme', subject: 'eve' }], resume: 1, next: 3, isLast: false }],
      [3, { erasures: [erasure('r4', 'cy')], open: [], resume: 4, next: 4, isLast: true }],
    ]);
    const { erasures, letGo, asked, placeIs, start } = restored(pages);
    await start();
    expect({ letGo, asked, place: placeIs() }).toEqual({ letGo: ['r1', 'r4'], asked: [0, 3], place: 1 });
    expect(await Promise.all(['dan', 'eve', 'bob'].map((who) => erasures.isKept(who)))).toEqual([true, true, false]);
    // It ended: from its place on it is told.
    pages.set(1, { erasures: [erasure('r2', 'bob'), erasure('r4', 'cy')], open: [], resume: 4, next: 4, isLast: true });
    await erasures.look();
    expect({ letGo, asked, place: placeIs() }).toEqual({ letGo: ['r1', 'r4', 'r2'], asked: [0, 3, 1], place: 4 });
    expect(await erasures.isKept('bob')).toBe(true);
    await erasures.stop();
  });
});

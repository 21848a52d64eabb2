import { describe, expect, it } from '@jest/globals';
import { DRY_RUN_MS_MAX, DRY_RUN_RESOURCES_MAX, DRY_RUN_SAMPLES_ALIKE_MAX, type HeldResource } from '@countersign/contracts';
import { HolderFault, type HolderClient } from '@countersign/holder';
import type { Pool } from '@countersign/postgres';
import type { Hold, Policy } from '@countersign/retention-rules';
import { DryRun, type PolicyChange } from '../src/policies/dry-run.js';
import type { RegisteredType } from '../src/types/built-in-types.js';

const NOW = new Date('2026-11-22T12:00:00Z');
const TYPES: readonly RegisteredType[] = ['message', 'contract', 'away'].map((type) => ({ type, holder: type === 'away' ? 'gone' : 'shop', clock: 'created', actions: ['delete'], classes: ['content'], orderMax: 10, isRange: false }));
const CHANGE: PolicyChange = { organization: 'acme', policyId: 'p1', rule: { name: 'x', type: 'message', dispose: { after: { days: 30 }, action: 'delete' } }, version: 2 };
const POLICIES = [{ id: 'p1', version: 1, organization: 'acme', type: 'message', dispose: { after: { years: 1 }, action: 'delete' } }] as const;

const held = (type: string, at: number, tenant = 'acme', created = '2026-06-01T00:00:00Z'): HeldResource => ({ type, id: `${type}-${at}`, tenant, class: 'content', created });

interface World {
  readonly resources?: readonly HeldResource[];
  readonly policies?: readonly Policy[];
  readonly holds?: readonly Hold[];
  readonly types?: readonly RegisteredType[];
  readonly monotonicMs?: () => number;
}

/** Holders with lists in memory, whose places are numbers. */
function over({ resources = [], policies = POLICIES, holds = [], types = TYPES.slice(0, 2), monotonicMs = () => 0 }: World): DryRun {
  const ask = async (holder: string, _operation: string, { type, after = '0', limit }: { type: string; after?: string; limit: number }) => {
    if (holder === 'gone') throw new HolderFault('HOLDER_UNAVAILABLE', 'nobody is there');
    if (!/^\d+$/.test(after)) throw new HolderFault('REQUEST_MALFORMED', 'no place');
    const of = resources.filter((one) => one.type === type);
    const end = Number(after) + limit;
    return { resources: of.slice(Number(after), end), ...(end < of.length ? { next: String(end) } : {}) };
  };
  const pool = { query: async () => ({ rows: [{ version: '7' }] }) } as unknown as Pool;
  const source = { pool, announceMs: 0, types: async () => types, restrictions: async () => [], holds: async () => holds, policies: async () => policies.map((policy) => ({ ...policy, setBy: 'ana' })) };
  return new DryRun(source, { ask } as unknown as HolderClient, monotonicMs);
}

describe('a dry run', () => {
  it('counts those of the organisation alone, by how they fare now and then', async () => {
    const resources = [...Array.from({ length: 8 }, (_, at) => held('message', at)), held('message', 8, 'acme', '2026-11-20T00:00:00Z'), held('contract', 1), held('message', 9, 'globex')];
    const part = await over({ resources, holds: [{ id: 'h1', scope: { resources: [{ type: 'message', id: 'message-0' }] }, placedMs: 0 }] }).part(CHANGE, 'acme', undefined, NOW);
    expect(part.groups).toEqual([
      { type: 'contract', class: 'content', before: 'unruled', after: 'unruled', count: 1, changed: 0 },
      { type: 'message', class: 'content', before: 'held', after: 'held', count: 1, changed: 0 },
      { type: 'message', class: 'content', before: 'waiting', after: 'due', count: 7, changed: 7 },
      { type: 'message', class: 'content', before: 'waiting', after: 'waiting', count: 1, changed: 1 },
    ]);
    expect(part).toMatchObject({ resources: 10, dueAtOnce: 7, firstDueBefore: '2027-06-01T00:00:00.000Z', firstDueAfter: '2026-12-20T00:00:00.000Z', isComplete: true, rules: '7', next: undefined });
    expect(part.samples).toHaveLength(DRY_RUN_SAMPLES_ALIKE_MAX + 1);
    expect(part.samples[0]).toMatchObject({ id: 'message-1', before: { reasons: [{ code: 'DISPOSAL', id: 'p1', version: 1 }] }, after: { action: 'delete', reasons: [{ code: 'DISPOSAL', id: 'p1', version: 2 }] } });
    expect(JSON.stringify(part)).not.toContain('globex');
  });

  it('of a removal says what is let go', async () => {
    const part = await over({ resources: [held('message', 1)] }).part({ ...CHANGE, rule: undefined }, 'acme', undefined, NOW);
    expect(part.groups).toEqual([{ type: 'message', class: 'content', before: 'waiting', after: 'unruled', count: 1, changed: 1 }]);
  });

  it('of the installation is over everybody, and says whose', async () => {
    const part = await over({ resources: [held('contract', 1), held('contract', 2, 'globex')] }).part({ organization: undefined, policyId: 'new', rule: { name: 'x', dispose: { after: { days: 1 }, action: 'delete' } }, version: 1 }, undefined, undefined, NOW);
    expect(part.samples.map(({ tenant }) => tenant)).toEqual(['acme', 'globex']);
  });

  it('ends a part after so many resources, and so much time; all parts together count each resource once', async () => {
    const resources = [...Array.from({ length: DRY_RUN_RESOURCES_MAX + 2_500 }, (_, at) => held('message', at)), held('contract', 1)];
    const whole = over({ resources });
    const first = await whole.part(CHANGE, 'acme', undefined, NOW);
    // To the end of the page: of the one contract, and of messages.
    expect(first.resources - DRY_RUN_RESOURCES_MAX).toBeLessThan(1_000);
    expect(first).toMatchObject({ isComplete: false, next: expect.any(String) });
    const second = await whole.part(CHANGE, 'acme', first.next, NOW);
    expect([first.resources + second.resources, second.next, second.isComplete]).toEqual([resources.length, undefined, true]);
    let ms = 0;
    const slow = over({ resources, monotonicMs: () => (ms += DRY_RUN_MS_MAX / 2) });
    let [seen, parts, next] = [0, 0, undefined as string | undefined];
    do {
      const part = await slow.part(CHANGE, 'acme', next, NOW);
      [seen, parts, next] = [seen + part.resources, parts + 1, part.next];
    } while (next !== undefined);
    expect([seen, parts > 5]).toEqual([resources.length, true]);
  });

  it('goes on where a holder does not answer, and says that it is not the whole', async () => {
    const part = await over({ resources: [held('message', 1)], types: TYPES }).part(CHANGE, 'acme', undefined, NOW);
    expect(part).toMatchObject({ resources: 1, unanswered: [{ type: 'away', holder: 'gone' }], isComplete: false, next: undefined });
  });

  it.each([['AAAA'], [Buffer.from('["message","none"]').toString('base64url')], [Buffer.from('["message"]').toString('base64url')]])('refuses %s, which no answer gave', async (place) => {
    await expect(over({}).part(CHANGE, 'acme', place, NOW)).rejects.toMatchObject({ code: 'REQUEST_MALFORMED', detail: { field: 'after' } });
  });

  it('is refused while two others run, and not afterwards', async () => {
    const dryRun = over({ resources: [held('message', 1)] });
    const codes = (await Promise.allSettled([1, 2, 3].map(() => dryRun.part(CHANGE, 'acme', undefined, NOW)))).map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'done'));
    expect(codes).toEqual(['done', 'done', 'RETENTION_OVERLOADED']);
    expect(await dryRun.part(CHANGE, 'acme', undefined, NOW)).toMatchObject({ resources: 1 });
  });
});

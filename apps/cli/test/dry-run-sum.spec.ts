import { describe, expect, it } from '@jest/globals';
import type { DryRunPart } from '@countersign/contracts';
import { wholeRun } from '../src/commands/retention-dry-run.js';
import { added, dryRunLines } from '../src/dry-run-sum.js';

const group = { type: 'message', class: 'content', before: 'waiting', after: 'due', count: 3, changed: 3 } as const;
const PART: Omit<DryRunPart, 'next'> = { rules: '7', needsApproval: true, resources: 3, groups: [group], dueAtOnce: 3, firstDueAfter: '2027-01-01T00:00:00.000Z', samples: [], unanswered: [], isComplete: false };

describe('parts of a dry run', () => {
  it('are asked for until there is none, each from where the one before has ended', async () => {
    const asked: string[] = [];
    const get = async <T>(path: string): Promise<T> => {
      asked.push(path);
      return (asked.length < 3 ? { ...PART, next: `place-${asked.length}` } : { ...PART, isComplete: true }) as T;
    };
    expect(await wholeRun({ get }, '/v1/retention/dry-run', [['policyId', 'p1']])).toMatchObject({ resources: 9, isComplete: true });
    expect(asked).toEqual(['?policyId=p1', '?policyId=p1&after=place-1', '?policyId=p1&after=place-2'].map((query) => `/v1/retention/dry-run${query}`));
  });

  it('are added up, with the earliest of their times', () => {
    const sum = added(added(undefined, PART), { ...PART, firstDueAfter: '2026-12-01T00:00:00.000Z', firstDueBefore: '2028-01-01T00:00:00.000Z', groups: [group, { ...group, after: 'kept' }], isComplete: true });
    expect(sum).toEqual({
      ...PART, resources: 6, dueAtOnce: 6, groups: [{ ...group, count: 6, changed: 6 }, { ...group, after: 'kept' }], firstDueBefore: '2028-01-01T00:00:00.000Z', firstDueAfter: '2026-12-01T00:00:00.000Z', isComplete: true, rulesMoved: false,
    });
  });

  it('are not the whole when a holder was missing in any, nor of one moment when rules moved', () => {
    const sum = added(added(undefined, { ...PART, unanswered: [{ type: 'contract', holder: 'shop' }] }), { ...PART, rules: '8', isComplete: true });
    expect([sum.isComplete, sum.rulesMoved]).toEqual([false, true]);
    expect(dryRunLines(sum)).toEqual([
      '6 resources looked at, 6 due at once; a second person has to agree',
      '  message  content  waiting → due  6, 6 of them otherwise than now',
      'the first is due 2027-01-01T00:00:00.000Z; as the rules are never',
      'NOT COUNTED: contract: shop does not answer',
      'policies or holds were changed while it was looked: look again',
      'this is only a part of what is held',
    ]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { outcomeLines, policyLines, proposalLine } from '../src/retention-lines.js';

describe('retention, as people read it', () => {
  it('says what holds, until when, and why', () => {
    expect(outcomeLines({ verdict: 'kept', until: '2033-01-31T12:00:00.000Z', reasons: [{ code: 'KEPT_BY_LAW', id: 'p1', version: 2, at: '2033-01-31T12:00:00.000Z', byLaw: 'HGB § 257' }, { code: 'NO_DISPOSAL' }] })).toEqual([
      'kept until 2033-01-31T12:00:00.000Z',
      '  KEPT_BY_LAW  p1  version 2  2033-01-31T12:00:00.000Z  HGB § 257',
      '  NO_DISPOSAL',
    ]);
    expect(outcomeLines({ verdict: 'due', action: 'scrub', reasons: [] })).toEqual(['due to scrub']);
  });

  it('says what a policy does, and who answers for it', () => {
    const rule = { name: 'Contracts', type: 'contract', keep: { years: 7 }, byLaw: 'HGB § 257', dispose: { after: { years: 7, days: 1 }, action: 'delete' as const } };
    expect(policyLines({ policyId: 'p1', version: 3, rule, setBy: 'ana', approvedBy: 'bob', changedAt: '2026-11-22T12:00:00.000Z' })).toEqual([
      'p1  version 3  Contracts: contract, every class: keep 7 years, by law (HGB § 257), delete after 7 years 1 days',
      '  set by ana, approved by bob, 2026-11-22T12:00:00.000Z',
    ]);
    expect(proposalLine({ proposalId: 'q1', policyId: 'p1', reason: 'r', proposedBy: 'ana', proposedAt: '2026-11-22T12:00:00.000Z', expiresAt: '2026-11-29T12:00:00.000Z' })).toBe('waits for a second person until 2026-11-29T12:00:00.000Z: q1  p1  removed, proposed by ana');
  });
});

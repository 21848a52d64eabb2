import { describe, expect, it } from '@jest/globals';
import type { SubjectRequestView } from '@countersign/contracts';
import { allRequests } from '../src/commands/retention-requests.js';
import { outcomeLines, policyLines, proposalLine, requestLine, requestLines } from '../src/retention-lines.js';

const REQUEST: SubjectRequestView = { requestId: 'r1', kind: 'delete', law: 'gdpr', state: 'held', tenant: 'acme', subject: 'user-1', receivedAt: '2026-11-22T12:00:00.000Z', dueAt: '2026-12-22T00:00:00.000Z', isExtended: false, isOverdue: true, reason: 'a legal hold' };

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

  it('says of a request what it is, how far, until when, and what is kept', () => {
    expect(requestLine(REQUEST)).toBe('r1  delete  held  due 2026-12-22T00:00:00.000Z OVERDUE  gdpr  acme/user-1');
    expect(requestLines({ ...REQUEST, state: 'completed', closedAt: '2026-12-01T00:00:00.000Z', isExtended: true, reason: undefined, kept: [{ holder: 'shop', type: 'invoice', class: 'financial', reason: 'HGB § 257', until: '2033-01-01T00:00:00.000Z' }] })).toEqual([
      'r1  delete  completed  closed 2026-12-01T00:00:00.000Z  gdpr  acme/user-1',
      '  received 2026-11-22T12:00:00.000Z, extended',
      '  kept: shop invoice (financial) until 2033-01-01T00:00:00.000Z: HGB § 257',
    ]);
  });

  it('lists requests of all pages, those that are due first first', async () => {
    const asked: string[] = [];
    const get = async <T>(path: string): Promise<T> => {
      asked.push(path);
      return (asked.length === 1 ? { requests: [REQUEST], next: 'r1' } : { requests: [{ ...REQUEST, requestId: 'r2', dueAt: '2026-12-01T00:00:00.000Z' }] }) as T;
    };
    expect((await allRequests({ get }, 'open')).map(({ requestId }) => requestId)).toEqual(['r2', 'r1']);
    expect(asked).toEqual(['/v1/privacy/requests?state=open', '/v1/privacy/requests?state=open&after=r1']);
  });
});

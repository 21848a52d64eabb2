import { describe, expect, it } from '@jest/globals';
import type { IncidentStageView, IncidentView } from '@countersign/contracts';
import { incidentLine, stageLine } from '../src/incident-lines.js';

const incident: IncidentView = { incidentId: 'i1', kind: 'loss', severity: 'high', summary: 'a disk', source: { type: 'person' }, state: 'open', detectedAt: 'd', awareAt: 'T0', openedAt: 'o', assessment: { significant: 'no', personalData: 'no', risk: 'unknown' }, tenants: 2, subjects: 7 };
const stage: IncidentStageView = { stage: 'subjects', law: 'GDPR art. 34(1)', isOwnLimit: true, state: 'open', because: 'the risk to persons is high', dueAt: 'T1', isLate: false };

describe('an incident is told', () => {
  it('with what is due next', () => {
    expect(incidentLine({ ...incident, nextDueAt: 'T1' })).toBe('i1  open  high  loss  known since T0  next due T1  2 organisations, 7 persons  a disk');
    expect(incidentLine(incident)).toContain('nothing due');
  });

  it.each([
    [{}, '  subjects  open  due T1, by our own limit: the risk to persons is high  (GDPR art. 34(1))'],
    [{ isLate: true, isOwnLimit: false }, '  subjects  LATE  due T1: the risk to persons is high  (GDPR art. 34(1))'],
    [{ state: 'not-owed' as const, because: 'the risk is not high' }, '  subjects  not owed: the risk is not high  (GDPR art. 34(1))'],
    [{ state: 'done' as const, isLate: true, settledAt: 'T2', sentTo: 'all', reference: 'R', version: 2, reason: 'why' }, '  subjects  done late T2  to all, R, version 2, why  (GDPR art. 34(1))'],
    [{ state: 'waived' as const, settledAt: 'T2', reason: 'encrypted' }, '  subjects  waived T2  encrypted  (GDPR art. 34(1))'],
  ])('%j as a line', (more, line) => {
    expect(stageLine({ ...stage, ...more })).toBe(line);
  });
});

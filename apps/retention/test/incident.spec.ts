import { describe, expect, it } from '@jest/globals';
import { INCIDENT_STAGE_NAMES, type IncidentAssessment, type IncidentStageName, type IncidentView } from '@countersign/contracts';
import { INCIDENT_STAGES } from '@countersign/legal-clock';
import { incidentAggregate, type Incident, type IncidentChange } from '../src/domain/incident.js';
import { stagesOf } from '../src/domain/incident-stages.js';
import { RetentionFault } from '../src/domain/retention-fault.js';
import { noticeOf } from '../src/incidents/notices.js';
import { brokenOf } from '../src/incidents/verdicts.js';

const HOUR_MS = 3_600_000;
const AWARE = Date.parse('2026-11-20T18:00:00Z');
const UNKNOWN: IncidentAssessment = { significant: 'unknown', personalData: 'unknown', risk: 'unknown' };

/** Assessment, affected organisations → what is owed. */
const OWED: readonly (readonly [assessment: Partial<IncidentAssessment>, tenants: number, owed: readonly IncidentStageName[]])[] = [
  [{}, 0, ['early-warning', 'notification', 'final-report', 'breach-notification', 'subjects']],
  [{}, 1, ['early-warning', 'notification', 'final-report', 'breach-notification', 'organizations', 'subjects']],
  [{ significant: 'yes', personalData: 'no' }, 3, ['early-warning', 'notification', 'final-report']],
  [{ significant: 'no' }, 0, ['breach-notification', 'subjects']],
  [{ significant: 'no', personalData: 'no' }, 3, []],
  [{ significant: 'no', personalData: 'no', risk: 'high' }, 0, []],
  [{ significant: 'no', personalData: 'yes', risk: 'unlikely' }, 0, []],
  [{ significant: 'no', personalData: 'yes', risk: 'unlikely' }, 1, ['organizations']],
  [{ significant: 'no', personalData: 'yes', risk: 'risk' }, 1, ['breach-notification', 'organizations']],
  [{ significant: 'no', personalData: 'yes', risk: 'high' }, 0, ['breach-notification', 'subjects']],
  [{ significant: 'yes', personalData: 'yes', risk: 'high' }, 1, [...INCIDENT_STAGE_NAMES]],
  [{ significant: 'no', personalData: 'unknown', risk: 'unlikely' }, 0, []],
];

/** One incident after some changes, each at its hour after somebody knew. */
class Course {
  incident: Incident | undefined;
  readonly types: string[] = [];

  constructor(assessment: Partial<IncidentAssessment> = {}, tenants: readonly string[] = []) {
    this.do(0, { type: 'open', kind: 'disclosure', severity: 'high', summary: 'x', source: { type: 'person' }, detectedAtMs: AWARE - HOUR_MS, awareAtMs: AWARE, assessment: { ...UNKNOWN, ...assessment }, tenants, timeZone: 'UTC' });
  }

  do(hours: number, change: IncidentChange): this {
    const nowMs = AWARE + hours * HOUR_MS;
    for (const event of incidentAggregate.decide({ ...change, incidentId: 'i1', nowMs, origin: undefined }, this.incident)) {
      this.types.push(event.type.slice('retention.incident.'.length));
      this.incident = incidentAggregate.evolve(this.incident, event);
    }
    return this;
  }

  send(hours: number, stage: IncidentStageName, more: object = {}): this {
    return this.do(hours, { type: 'settle', stage, outcome: 'done', atMs: AWARE + hours * HOUR_MS, sentTo: 'the authority', ...more });
  }

  code(hours: number, change: IncidentChange): string {
    try {
      this.do(hours, change);
    } catch (error) {
      if (error instanceof RetentionFault) return `${error.code} ${error.detail.field ?? ''}`.trim();
      throw error;
    }
    return 'none';
  }

  state(stage: IncidentStageName): { state: string; dueAt: string } {
    const found = stagesOf({ ...this.incident!, tenants: this.incident!.tenants.size }).find((one) => one.stage === stage)!;
    return { state: found.state, dueAt: new Date(found.dueAtMs).toISOString() };
  }
}

describe('stages', () => {
  it.each(OWED)('of %j with %i organisations are %j, each with its reason', (assessment, tenants, owed) => {
    const stages = stagesOf({ assessment: { ...UNKNOWN, ...assessment }, awareAtMs: AWARE, timeZone: 'UTC', tenants, settled: {} });
    expect(stages.filter(({ state }) => state === 'open').map(({ stage }) => stage)).toEqual(owed);
    expect(stages.every(({ because }) => because.length > 10)).toBe(true);
  });

  it('are those of libs/legal-clock', () => {
    expect(INCIDENT_STAGE_NAMES).toEqual(INCIDENT_STAGES);
  });

  it('are settled once: sent, late with a reason, or waived with one', () => {
    const course = new Course();
    expect(course.send(3, 'early-warning').state('early-warning').state).toBe('done');
    expect(course.code(4, { type: 'settle', stage: 'early-warning', outcome: 'waived', atMs: AWARE, reason: 'x' })).toBe('STAGE_NOT_OPEN stage');
    expect(course.code(72, { type: 'settle', stage: 'notification', outcome: 'done', atMs: AWARE + 72 * HOUR_MS, sentTo: 'x' })).toBe('STAGE_REASON_MISSING reason');
    // In time, and only written down later.
    course.do(90, { type: 'settle', stage: 'notification', outcome: 'done', atMs: AWARE + 72 * HOUR_MS - 1, sentTo: 'x' });
    expect(course.incident!.settled.notification).toMatchObject({ isLate: false });
    expect(course.code(90, { type: 'settle', stage: 'subjects', outcome: 'waived', atMs: AWARE })).toBe('STAGE_REASON_MISSING reason');
    expect(course.code(90, { type: 'settle', stage: 'subjects', outcome: 'done', atMs: AWARE + 91 * HOUR_MS, sentTo: 'x' })).toBe('REQUEST_MALFORMED at');
    expect(course.code(90, { type: 'settle', stage: 'subjects', outcome: 'done', atMs: AWARE - 2 * HOUR_MS, sentTo: 'x' })).toBe('REQUEST_MALFORMED at');
    expect(course.code(90, { type: 'settle', stage: 'subjects', outcome: 'done', atMs: AWARE, })).toBe('REQUEST_MALFORMED sentTo');
    expect(course.send(90, 'subjects', { reason: 'addresses were not known' }).incident!.settled.subjects).toMatchObject({ isLate: true });
  });

  it('of the final report run from the notification that was sent, and from none that was waived', () => {
    expect(new Course().state('final-report').dueAt).toBe('2026-12-24T00:00:00.000Z');
    expect(new Course().send(2, 'notification').state('final-report').dueAt).toBe('2026-12-21T00:00:00.000Z');
    expect(new Course().do(2, { type: 'settle', stage: 'notification', outcome: 'waived', atMs: AWARE, reason: 'x' }).state('final-report').dueAt).toBe('2026-12-24T00:00:00.000Z');
  });

  it('are owed again when the assessment changes under which they were waived, and never sent twice', () => {
    const course = new Course({ risk: 'risk' }).do(1, { type: 'settle', stage: 'breach-notification', outcome: 'waived', atMs: AWARE, reason: 'x' }).send(1, 'early-warning');
    course.do(2, { type: 'assess', reason: 'the same', severity: 'low' });
    expect(course.state('breach-notification').state).toBe('waived');
    course.do(3, { type: 'assess', reason: 'more is known', assessment: { risk: 'high' } });
    expect([course.state('breach-notification').state, course.state('early-warning').state, course.state('subjects').state]).toEqual(['open', 'done', 'open']);
  });

  it('to those who are affected are owed again when more of them are found', () => {
    const course = new Course({}, ['a']).send(1, 'organizations').send(1, 'subjects').do(2, { type: 'affect', tenants: ['a'] });
    expect([course.state('organizations').state, course.state('subjects').state]).toEqual(['done', 'done']);
    course.do(2, { type: 'affect', tenants: ['b'] });
    expect([course.state('organizations').state, course.state('subjects').state]).toEqual(['open', 'done']);
    course.send(3, 'organizations').do(3, { type: 'affect', tenants: ['b'], subjects: { count: 1, digest: 'd' } });
    expect([course.state('organizations').state, course.state('subjects').state]).toEqual(['done', 'open']);
  });

  it('run anew from when somebody knew, as far as that is corrected', () => {
    const course = new Course().do(12, { type: 'warn', stage: 'early-warning', alerts: 1 });
    course.do(13, { type: 'assess', reason: 'the guard knew', awareAtMs: AWARE - HOUR_MS / 2 });
    expect(course.state('early-warning').dueAt).toBe('2026-11-21T17:30:00.000Z');
    expect(course.incident!.alerts).toEqual({});
    expect(course.code(13, { type: 'assess', reason: 'x', awareAtMs: AWARE + 14 * HOUR_MS })).toBe('REQUEST_MALFORMED awareAt');
    course.do(13, { type: 'assess', reason: 'the night shift knew', awareAtMs: AWARE - 2 * HOUR_MS });
    expect([course.incident!.detectedAtMs, course.incident!.awareAtMs]).toEqual([AWARE - 2 * HOUR_MS, AWARE - 2 * HOUR_MS]);
  });

  it('are warned of once each time, and not when they are settled or the incident is closed', () => {
    const course = new Course();
    for (const [hours, alerts] of [[12, 1], [13, 1], [20, 2], [24, 4], [25, 4]] as const) course.do(hours, { type: 'warn', stage: 'early-warning', alerts });
    expect(course.types).toEqual(['opened', 'stage-near', 'stage-near', 'stage-missed']);
    expect(new Course().send(1, 'early-warning').do(12, { type: 'warn', stage: 'early-warning', alerts: 1 }).types).toEqual(['opened', 'stage-done']);
    expect(new Course({ significant: 'no', personalData: 'no' }).do(1, { type: 'close', reason: 'x' }).do(30, { type: 'warn', stage: 'early-warning', alerts: 4 }).types).toEqual(['opened', 'closed']);
  });
});

describe('an incident', () => {
  it('is closed only when nothing is owed, is not changed when it is, and is opened again', () => {
    const course = new Course({ personalData: 'no' });
    expect(course.code(1, { type: 'close', reason: 'x' })).toBe('INCIDENT_STAGES_OPEN');
    course.do(1, { type: 'assess', reason: 'x', assessment: { significant: 'no' } }).do(1, { type: 'close', reason: 'x' });
    for (const change of [{ type: 'close', reason: 'x' }, { type: 'affect', tenants: ['a'] }, { type: 'draft', stage: 'subjects', digest: 'd', isWorded: false, openPlaces: 0, by: 'u' }] as const) expect(course.code(2, change)).toBe('INCIDENT_CLOSED');
    expect(course.do(3, { type: 'reopen', reason: 'x' }).incident!.isClosed).toBe(false);
  });

  it('does not begin in the future, nor is it known before it was detected', () => {
    const opening = (detected: number, aware: number): IncidentChange => ({ type: 'open', kind: 'other', severity: 'low', summary: 'x', source: { type: 'api' }, detectedAtMs: AWARE + detected, awareAtMs: AWARE + aware, assessment: UNKNOWN, tenants: [], timeZone: 'UTC' });
    const none = Object.assign(Object.create(Course.prototype) as Course, { incident: undefined, types: [] });
    expect(none.code(0, opening(1, 1))).toBe('REQUEST_MALFORMED detectedAt');
    expect(none.code(0, opening(-1, 1))).toBe('REQUEST_MALFORMED awareAt');
    expect(none.code(0, opening(-1, -2))).toBe('REQUEST_MALFORMED awareAt');
    expect(none.code(0, { type: 'close', reason: 'x' })).toBe('INCIDENT_UNKNOWN incidentId');
  });

  it('knows organisations once, bounded, and lets go of those that were not affected', () => {
    const course = new Course({}, ['a', 'a']).do(1, { type: 'affect', tenants: ['a'] }).do(1, { type: 'affect', tenants: ['a', 'b'], subjects: { count: 2, digest: 'd' } }).do(1, { type: 'clear', tenants: ['a', 'c'], reason: 'x' });
    expect([...course.incident!.tenants]).toEqual(['b']);
    expect(course.types).toEqual(['opened', 'affected', 'subjects-added', 'cleared']);
    const many = (from: number): string[] => Array.from({ length: 5_000 }, (_, at) => `t${String(from + at)}`);
    const full = new Course().do(1, { type: 'affect', tenants: many(0) }).do(1, { type: 'affect', tenants: many(5_000) });
    expect(full.code(1, { type: 'affect', tenants: ['one-more'] })).toBe('INCIDENT_TOO_LARGE');
  });

  it('has so many versions of notices, each with its number', () => {
    const course = new Course();
    const draft: IncidentChange = { type: 'draft', stage: 'subjects', digest: 'd', isWorded: false, openPlaces: 1, by: 'u' };
    for (let times = 0; times < 200; times += 1) course.do(1, draft);
    expect(course.incident!.drafts).toEqual({ subjects: 200 });
    expect(course.code(1, draft)).toBe('INCIDENT_TOO_LARGE');
    expect(course.code(1, { ...draft, tenant: 'stranger' })).toBe('INCIDENT_TOO_LARGE');
    expect(new Course().code(1, { ...draft, tenant: 'stranger' })).toBe('REQUEST_MALFORMED tenant');
  });

  it('records a hundred alerts one by one', () => {
    const course = new Course();
    for (let times = 0; times < 110; times += 1) course.do(1, { type: 'add-alert', alert: { fingerprint: String(times), name: 'x', startsAt: '2026-11-20T18:00:00Z' } });
    expect(course.types.filter((type) => type === 'alert-added')).toHaveLength(100);
  });
});

describe('notices', () => {
  const incident: IncidentView = { incidentId: 'i1', kind: 'disclosure', severity: 'high', summary: 'a {{risk}} [[x]] $& file', source: { type: 'person' }, state: 'open', detectedAt: 'DETECTED', awareAt: 'AWARE', openedAt: 'OPENED', assessment: UNKNOWN, tenants: 2, subjects: 7 };
  const of = (stage: IncidentStageName, more: Partial<IncidentView> = {}): ReturnType<typeof noticeOf> => noticeOf({ incident: { ...incident, ...more }, stages: [], stage, organization: { name: 'acme', subjects: 3 } });

  it.each(INCIDENT_STAGE_NAMES)('of %s have a template whose facts are known, and open places', (stage) => {
    const { text, openPlaces } = of(stage);
    expect(text).toContain('i1');
    expect(text).toContain('DETECTED');
    expect(openPlaces).toBeGreaterThan(3);
    expect(text.replaceAll(incident.summary, '')).not.toMatch(/\{\{|\}\}|undefined|null/);
  });

  it('hold facts as they are, whatever is in them, and mark what is not on record', () => {
    const { text } = of('breach-notification');
    expect(text).toContain(incident.summary);
    expect(text).toContain('[[risk: not on record]]');
    expect(of('breach-notification', { assessment: { ...UNKNOWN, risk: 'high' } }).text).toContain('as assessed: high');
  });

  it('to an organisation name no number of others, and nothing that was worded for others', () => {
    const { text } = of('organizations');
    expect(text).toContain('To: acme');
    expect(text).not.toContain(incident.summary);
    expect(text).toMatch(/known to be affected: 3\./);
  });
});

describe('verdicts', () => {
  const verdict = { tenant: 'acme', verdict: 'broken', kind: 'tail', fromIndex: 0, toIndex: 1, treeSize: 1, startedAt: 'x', finishedAt: 'x' };
  const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  it.each([
    ['a broken one', 'ledger.integrity.acme', verdict, 'acme'],
    ['an intact one', 'ledger.integrity.acme', { ...verdict, verdict: 'intact' }, undefined],
    ['one of another ledger', 'ledger.integrity.other', verdict, undefined],
    ['an acknowledgement of the bus', 'ledger.integrity.acme', { stream: 'INTAKE', seq: 7 }, undefined],
    ['no JSON', 'ledger.integrity.acme', '{', undefined],
    ['one that is too long', 'ledger.integrity.acme', { ...verdict, startedAt: 'x'.repeat(70_000) }, undefined],
  ])('%s says whose ledger is broken, or nothing', (_what, subject, value, tenant) => {
    expect(brokenOf(subject, bytes(value))).toBe(tenant);
  });
});

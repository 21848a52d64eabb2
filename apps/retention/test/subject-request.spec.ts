import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { subjectRequestAggregate, type SubjectRequest, type SubjectRequestCommand } from '../src/domain/subject-request.js';
import { heldReason, holdOver } from '../src/requests/hold-against.js';
import { Tombstones } from '../src/requests/tombstones.js';

const RECEIVED = Date.parse('2026-03-05T10:00:00Z');
const DUE = Date.parse('2026-04-07T00:00:00Z');
type Change = SubjectRequestCommand extends infer C ? (C extends SubjectRequestCommand ? Omit<C, 'requestId' | 'nowMs' | 'origin'> : never) : never;

const OPEN: Change = { type: 'open', kind: 'export', law: 'gdpr', subject: 'user-1', receivedAtMs: RECEIVED, isVerified: true, details: 'a secret of mine', calendar: { timeZone: 'UTC', holidays: new Set() }, waitMs: 0 };

/** What has happened after these, each at its time; throws what the last is refused with. */
function after(...changes: readonly (readonly [Change, number])[]) {
  let state: SubjectRequest | undefined;
  let events: ReturnType<typeof subjectRequestAggregate.decide> = [];
  for (const [change, nowMs] of changes) {
    events = subjectRequestAggregate.decide({ ...change, requestId: 'r1', nowMs, origin: undefined }, state);
    for (const event of events) state = subjectRequestAggregate.evolve(state, event);
  }
  return { state: state!, types: events.map(({ type }) => type.slice('retention.'.length)), events };
}

describe('a request of a data subject', () => {
  it('is due by law from when it was received, whenever it was entered, and what was written lies under its subject', () => {
    const { state, events } = after([OPEN, RECEIVED + 86_400_000]);
    expect(state).toMatchObject({ state: 'working', dueAtMs: DUE, isExtended: false });
    expect(JSON.stringify(events[0]!.data)).not.toContain('secret');
    expect(events[0]!.personal).toEqual([{ subject: 'user-1', data: { details: 'a secret of mine' } }]);
  });

  it('waits for somebody to be sure who asked when it came in by another way', () => {
    const unverified: Change = { ...OPEN, isVerified: false };
    expect(after([unverified, RECEIVED]).state.state).toBe('unverified');
    expect(after([unverified, RECEIVED], [{ type: 'verify', how: 'passport' }, RECEIVED]).state.state).toBe('working');
  });

  it('is extended once, before it is due', () => {
    const extend: Change = { type: 'extend', reason: 'a thousand files' };
    expect(after([OPEN, RECEIVED], [extend, DUE - 1]).state).toMatchObject({ isExtended: true, dueAtMs: Date.parse('2026-06-06T00:00:00Z') });
    const refused = expect.objectContaining({ code: 'EXTENSION_NOT_POSSIBLE' });
    expect(() => after([OPEN, RECEIVED], [extend, DUE])).toThrow(refused);
    expect(() => after([OPEN, RECEIVED], [extend, RECEIVED], [extend, RECEIVED])).toThrow(refused);
    expect(() => after([{ ...OPEN, law: 'ccpa', kind: 'restrict' }, RECEIVED], [extend, RECEIVED])).toThrow(refused);
  });

  it('is alerted ahead of time once each, gravely when it is too late, and anew when it was extended', () => {
    const alert = (alerts: number): Change => ({ type: 'alert', alerts });
    expect(after([OPEN, RECEIVED], [alert(1), DUE - 1]).events[0]).toMatchObject({ severity: 'warning', data: { isOverdue: false } });
    expect(after([OPEN, RECEIVED], [alert(1), DUE - 1], [alert(1), DUE - 1]).types).toEqual([]);
    expect(after([OPEN, RECEIVED], [alert(4), DUE]).events[0]).toMatchObject({ severity: 'alert', data: { isOverdue: true } });
    expect(after([OPEN, RECEIVED], [alert(1), DUE - 2], [{ type: 'extend', reason: 'x' }, DUE - 1]).state.alerts).toBe(0);
  });

  it('is over when it is answered: nothing of it is done twice, and nobody takes it back', () => {
    const done = [[OPEN, RECEIVED], [{ type: 'complete', outcome: {} }, RECEIVED]] as const;
    for (const again of [{ type: 'complete', outcome: {} }, { type: 'alert', alerts: 4 }, { type: 'wait', reason: 'x', isHeld: false }] as const) expect(after(...done, [again, RECEIVED]).types).toEqual([]);
    for (const late of [{ type: 'withdraw' }, { type: 'refuse', reason: 'x' }, { type: 'begin-erasure' }] as const) expect(() => after(...done, [late, RECEIVED])).toThrow(expect.objectContaining({ code: 'SUBJECT_REQUEST_CLOSED' }));
    expect(() => after([{ type: 'withdraw' }, 0])).toThrow(expect.objectContaining({ code: 'SUBJECT_REQUEST_UNKNOWN' }));
  });

  it('is taken back until the erasure has begun, and again when that came to nothing', () => {
    const begun = [[{ ...OPEN, kind: 'delete' }, RECEIVED], [{ type: 'begin-erasure' }, RECEIVED]] as const;
    for (const late of [{ type: 'withdraw' }, { type: 'refuse', reason: 'x' }] as const) {
      expect(() => after(...begun, [late, RECEIVED])).toThrow(expect.objectContaining({ code: 'SUBJECT_REQUEST_CLOSED' }));
      expect(after(...begun, [{ type: 'wait', reason: 'x', isHeld: false }, RECEIVED], [late, RECEIVED]).types.length).toBe(1);
    }
    expect(after(...begun, [{ type: 'wait', reason: 'x', isHeld: false }, RECEIVED], [{ type: 'resume' }, RECEIVED]).state.state).toBe('working');
  });

  it('cannot come in tomorrow', () => {
    expect(() => after([OPEN, RECEIVED - 1])).toThrow(expect.objectContaining({ code: 'REQUEST_MALFORMED', detail: { field: 'receivedAt' } }));
  });
});

describe('tombstones', () => {
  const one = { requestId: 'r1', tenant: 'system', subject: 'user-1', at: '2026-11-22T10:00:00.000Z' };

  it('are read back, each once, over a line that a crash cut short', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tombstones-'));
    const tombstones = new Tombstones(join(folder, 'state'));
    expect(await tombstones.read()).toEqual([]);
    await tombstones.append(one);
    await tombstones.append(one);
    appendFileSync(join(folder, 'state/erasures.jsonl'), '{"requestId":"r2","ten');
    await tombstones.append({ ...one, requestId: 'r3' });
    expect(await tombstones.read()).toEqual([one, { ...one, requestId: 'r3' }]);
    await tombstones.append({ ...one, isVoid: true });
    expect(await tombstones.read()).toEqual([{ ...one, requestId: 'r3' }]);
    await tombstones.append(one);
    expect(await tombstones.read()).toEqual([{ ...one, requestId: 'r3' }, one]);
    rmSync(folder, { recursive: true });
  });
});

describe('a hold against an erasure', () => {
  const persons = [{ tenant: 'acme', subject: 'user-1' }, { tenant: 'system', subject: 'person-1' }];
  it.each([
    ['names the person', undefined, { subjects: ['user-1'] }, true],
    ['names the person as another ledger does', 'system', { subjects: ['person-1'] }, true],
    ['names somebody else', undefined, { subjects: ['user-2'] }, false],
    ['names somebody else in a query', 'acme', { query: 'subject:user-2|user-3* created<2026-01-01' }, false],
    ['names them in a query', 'acme', { query: 'subject:user-*' }, true],
    ['names nobody but those whom it is not about', 'acme', { query: '-subject:user-2' }, true],
    ['names types, which may be theirs', 'acme', { types: ['session'] }, true],
    ['is over everything of an organisation that knows them', 'acme', { everything: true as const }, true],
    ['is over everything of one that does not', 'other', { everything: true as const }, false],
  ])('%s', (_what, organization, scope, stands) => {
    const hold = { id: 'h1', scope, placedMs: 0, ...(organization === undefined ? {} : { organization }) };
    expect(holdOver([hold], persons)).toBe(stands ? hold : undefined);
  });

  it('is told as what it is: over the person, or over kinds of data of which his cannot be told apart', () => {
    const reasons = [{ subjects: ['user-1'] }, { query: 'subject:user-1' }, { types: ['session'] }].map((scope) => heldReason({ id: 'h1', scope, placedMs: 0 }));
    expect(reasons.map((reason) => reason.includes('kinds of data'))).toEqual([false, false, true]);
  });
});

import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { writeArchive } from '@countersign/certificates';
import type { HeldType } from '@countersign/contracts';
import { planErasure, type Hold, type HoldScope, type PersonsKind } from '@countersign/retention-rules';
import { subjectRequestAggregate, type SubjectRequest, type SubjectRequestCommand } from '../src/domain/subject-request.js';
import { exportByHand } from '../src/requests/export.js';
import { isFreed, isStopped, keptOf, remainderOf, toldTypes } from '../src/requests/erasure-plan.js';
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

  it('for more than one archive holds waits for somebody to hand it out, and is tried no more', async () => {
    const none = async function* (): AsyncGenerator<never> { /* Nothing is held. */ };
    const services = Array.from({ length: 1_001 }, (_, at) => ({ name: `service${at}`, records: none }));
    const about = { archive: 'a1', request: 'r1', tenant: 'system', subject: 'user-1', receivedAt: '2026-03-05T10:00:00.000Z', madeAt: '2026-03-05T10:00:01.000Z' };
    const written = async (): Promise<void> => {
      for await (const part of writeArchive({ about, holds: [], services, page: () => '', sign: async () => '' })) void part;
    };
    const failed = await written().catch((error: unknown) => error);
    const reason = exportByHand(failed);
    expect([failed, reason, exportByHand(new Error('away'))]).toEqual([expect.objectContaining({ code: 'ARCHIVE_TOO_LARGE' }), expect.stringContaining('more than one archive holds'), undefined]);
    const wait: Change = { type: 'wait', reason: reason!, isHeld: false };
    expect(after([OPEN, RECEIVED], [wait, RECEIVED]).state.state).toBe('waiting');
    expect(after([OPEN, RECEIVED], [wait, RECEIVED], [{ type: 'complete', outcome: { outcome: 'on a disk' } }, RECEIVED]).state.state).toBe('completed');
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

  it('is refused, and what it restricts stays so until its subject was told', () => {
    const [restricted, refusal] = [[{ ...OPEN, kind: 'restrict' }, RECEIVED] as const, [{ type: 'refuse', reason: 'no ground', liftsAtMs: DUE }, RECEIVED] as const];
    expect(after(restricted, refusal).types).toEqual(['subject-request.refused']);
    expect(after(restricted, [{ type: 'restrict', reason: 'x' }, RECEIVED], refusal).types).toEqual(['subject-request.refused', 'restriction.lifted']);
    expect(after([{ ...OPEN, kind: 'correct' }, RECEIVED], [{ type: 'wait', reason: 'x', isHeld: false }, RECEIVED], refusal).types).toEqual(['subject-request.refused']);
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

describe('an erasure and what holds keep of it', () => {
  const key = { tenant: 'system', subject: 'user-1' };
  const kind = (holder: string, type: string, count: number, isByKeys = false): PersonsKind => ({ holder, organization: 'acme', type, dataClass: 'security', subjects: ['user-1'], count, under: [key], isByKeys });
  const KINDS = [kind('identity', 'session', 2), kind('identity', 'api-key', 0), kind('identity', 'passkey', 1), kind('ledger', 'audit-parts', 7, true)];
  const under = (...scopes: HoldScope[]) => planErasure(KINDS, [key], scopes.map((scope, n) => ({ id: `h${String(n)}`, scope, placedMs: 0 })));

  it('waits when nothing could go, and not when something can', () => {
    expect([under(), under({ types: ['session'] }), under({ subjects: ['user-1'] }), under({ dataClasses: ['security'] }), under({ types: ['session', 'passkey'] })].map(isStopped)).toEqual([false, false, true, true, true]);
    // Of somebody of whom nothing is known it is the key that a hold keeps, or nothing that it could keep.
    expect([[], [{ id: 'h', scope: { subjects: ['user-1'] }, placedMs: 0 }]].map((holds) => isStopped(planErasure([], [key], holds)))).toEqual([false, true]);
  });

  it('is certified with what stays and why, and goes on when one of them can go', () => {
    const plan = under({ types: ['session'] }, { types: ['audit-parts'] });
    expect(keptOf(plan).map(({ holder, type, count, reason }) => [holder, type, count, reason.startsWith('a legal hold')])).toEqual([['identity', 'session', 2, true], ['ledger', 'audit-parts', 7, true], ['keys', 'subject-key', 1, false]]);
    const left = remainderOf(plan)!;
    expect(left.kinds.map(({ type }) => type)).toEqual(['session', 'audit-parts']);
    const hold = (...types: string[]): Hold => ({ id: 'h', scope: { types }, placedMs: 0 });
    expect([[hold('session', 'audit-parts')], [hold('session')], [hold('audit-parts')], [hold('passkey')], []].map((holds) => isFreed(left, holds))).toEqual([false, false, true, true, true]);
    expect(remainderOf(under())).toBeUndefined();
  });

  it('is told the person before', () => {
    const types = KINDS.filter(({ count }) => count > 0).map(({ holder, type, count }): HeldType => ({ holder, type, class: 'security', count, onErasure: 'deleted' }));
    expect(toldTypes(types, under({ types: ['session'] })).map(({ type, onErasure, reason }) => [type, onErasure, reason?.slice(0, 12)])).toEqual([['session', 'kept', 'a legal hold'], ['passkey', 'deleted', undefined], ['audit-parts', 'kept', 'it can only ']]);
  });
});

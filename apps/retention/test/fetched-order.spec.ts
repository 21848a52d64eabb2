import { describe, expect, it } from '@jest/globals';
import type { HeldOrder } from '@countersign/contracts';
import { deletionAggregate, type Deletion, type DeletionCommand } from '../src/domain/deletion.js';

const AT = (minute: number): string => `2026-11-22T10:${String(minute).padStart(2, '0')}:00.000Z`;
const ORDER: HeldOrder = { orderId: 'o1', tenant: 'acme', type: 'acme.note', action: 'delete', resources: ['a', 'b'], except: [], policyVersion: 1, orderedAt: AT(0), expiresAt: '2026-12-22T10:00:00.000Z' };
const GIVEN: DeletionCommand = { type: 'order', order: ORDER, holder: 'reported.acme.crm', dataClass: 'content', rule: { policy: 'p', policyVersion: 1, setBy: 'user-1' } };
const FETCHED: DeletionCommand = { type: 'hand-out', orderId: 'o1', origin: undefined, at: AT(1), until: AT(11) };
const CALLED_BACK: DeletionCommand = { type: 'call-back', orderId: 'o1', at: AT(5) };
const EXPIRED: DeletionCommand = { type: 'expire', orderId: 'o1', at: AT(11) };
const REFUSED: DeletionCommand = { type: 'decline', orderId: 'o1', origin: undefined, at: AT(6), reason: 'no' };
const confirmed = (minute: number): DeletionCommand => ({ type: 'confirm', orderId: 'o1', origin: undefined, at: AT(minute), outcome: { state: 'executed', at: AT(minute), done: ['a'], items: 1 }, listSha256: '', certificate: undefined });

/** What each command leaves on record: type, and severity where it is loud. */
function told(...commands: readonly DeletionCommand[]): string[] {
  let state: Deletion | undefined;
  return commands.map((command) => {
    const events = deletionAggregate.decide(command, state);
    for (const event of events) state = deletionAggregate.evolve(state, event);
    return events.map(({ type, severity = 'info' }) => `${type.replace('retention.deletion.', '')} ${severity}`).join();
  });
}

describe('an order that its holder fetches', () => {
  it.each([
    ['over at once when nobody has it', [CALLED_BACK, FETCHED, EXPIRED], ['recalled info', '', '']],
    ['asked back once when somebody has it', [FETCHED, CALLED_BACK, CALLED_BACK, EXPIRED], ['handed-out info', 'recall-asked warning', '', 'expired info']],
    ['handed out once, and confirmed once', [FETCHED, FETCHED, confirmed(9), confirmed(9), CALLED_BACK], ['handed-out info', '', 'executed notice', '', '']],
    ['an alert when it is confirmed after a hold', [FETCHED, CALLED_BACK, confirmed(9)], ['handed-out info', 'recall-asked warning', 'executed alert']],
    ['confirmed too late, which is on record once', [FETCHED, confirmed(11), confirmed(12), EXPIRED, confirmed(13)], ['handed-out info', 'confirmed-late warning', '', 'expired info', '']],
    ['an alert when it is confirmed too late after a hold', [FETCHED, CALLED_BACK, EXPIRED, confirmed(12)], ['handed-out info', 'recall-asked warning', 'expired info', 'confirmed-late alert']],
    ['not over before its time', [FETCHED, { ...EXPIRED, at: AT(10) }], ['handed-out info', '']],
    ['over when it is refused, also after a hold', [FETCHED, CALLED_BACK, REFUSED, EXPIRED], ['handed-out info', 'recall-asked warning', 'refused warning', '']],
  ] as const)('is %s', (_what, commands, expected) => {
    expect(told(GIVEN, ...commands).slice(1)).toEqual(expected);
  });

  it.each([
    ['ORDER_UNKNOWN', 'before anybody fetched it', [GIVEN]],
    ['ORDER_UNKNOWN', 'that was called back before', [GIVEN, CALLED_BACK]],
    ['ORDER_SETTLED', 'that was refused', [GIVEN, FETCHED, REFUSED]],
  ] as const)('is refused a confirmation with %s %s', (code, _when, before) => {
    expect(() => told(...before, confirmed(9))).toThrow(expect.objectContaining({ code }));
  });
});

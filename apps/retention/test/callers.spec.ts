import { describe, expect, it } from '@jest/globals';
import type { IdentityClient } from '@countersign/identity-client';
import { AUTHORITY_MS_MAX, Callers } from '../src/request/callers.js';

const PERSON = { kind: 'person', userId: 'user-1', sessionId: 's1', organization: 'home', permissions: '', mfa: { needed: false, enrolled: false }, assurance: { level: 'password', at: '2026-11-22T12:00:00.000Z' } };
const CONTEXT = { ip: '192.0.2.7', userAgent: 'test', correlationId: 'request-1', standIn: { sessionDigest: 'digest' } };

/** Identity answers after so long, by the clock that never goes back. */
function after(answerMs: number) {
  let ms = 1_000;
  const identity = { ask: async () => { ms += answerMs; return { principal: PERSON }; } } as unknown as Pick<IdentityClient, 'ask'>;
  return { callers: new Callers(identity, () => new Date('2026-11-22T12:00:00Z'), () => ms), wait: (more: number) => { ms += more; } };
}

describe('what is committed in somebody’s name', () => {
  it.each([
    ['at once', 0, 0, false],
    ['five seconds after identity was asked', 0, AUTHORITY_MS_MAX, false],
    ['a millisecond later', 0, AUTHORITY_MS_MAX + 1, true],
    ['with the time that identity took', AUTHORITY_MS_MAX, 1, true],
  ])('%s', async (_when, answerMs, waitMs, isLate) => {
    const { callers, wait } = after(answerMs);
    const { checkFresh } = await callers.who(CONTEXT, undefined);
    wait(waitMs);
    if (isLate) expect(checkFresh).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    else expect(checkFresh).not.toThrow();
  });

  it('is nobody’s without something that stands for a session or a key', async () => {
    const { standIn: _none, ...rest } = CONTEXT;
    await expect(after(0).callers.who(rest, undefined)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

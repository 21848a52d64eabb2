import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { IdentityClientError } from '@countersign/identity-client';
import { EdgeFault } from '../src/http/edge-fault.js';
import { Idempotency, IDEMPOTENCY_TIMES, type IdempotencyStore, type IdempotencyTimes, type KeptAnswer } from '../src/http/idempotency.js';
import { isCommandDone, isOutcomeOpen } from '../src/http/problem.js';

const MADE: KeptAnswer = { status: 201, body: '{"id":1}', type: 'application/json' };
const POLL_MS = 5;
const SHORT: IdempotencyTimes = { ...IDEMPOTENCY_TIMES, underWayMs: 1_500 };

let run = 0;
/** Of nobody else's: a store may be shared. */
const newScope = () => ({ principal: `u${String(++run)}`, route: 'POST /v1/x', key: 'k1', body: { a: 1 } });
const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error instanceof EdgeFault ? error.code : String(error)));

type Keys = (times?: IdempotencyTimes) => Promise<Idempotency>;

/** Obligations of every store of answers by Idempotency-Key. */
export function idempotencyContract(name: string, open: (times: IdempotencyTimes) => Promise<IdempotencyStore>): void {
  const keys: Keys = async (times = IDEMPOTENCY_TIMES) => new Idempotency({ store: await open(times), isOpen: isOutcomeOpen, isDone: isCommandDone, log: { warn: () => undefined } });
  describe(name, () => {
    isOneRequest(keys);
    goesOn(keys);
  });
}

function isOneRequest(keys: Keys): void {
  it('carries out once, and answers again the same', async () => {
    const [store, scope] = [await keys(), newScope()];
    let count = 0;
    const carryOut = async (): Promise<KeptAnswer> => ({ ...MADE, body: `{"id":${String(++count)}}` });
    expect(await store.once(scope, carryOut)).toMatchObject({ body: '{"id":1}', repeated: false });
    expect(await store.once(scope, carryOut)).toEqual({ status: 201, body: '{"id":1}', type: 'application/json', repeated: true });
    expect(await store.once({ ...scope, principal: newScope().principal }, carryOut)).toMatchObject({ body: '{"id":2}', repeated: false });
  });

  it.each([
    ['another body', { body: { a: 2 } }, 'IDEMPOTENCY_KEY_REUSED'],
    ['another route', { route: 'POST /v1/y' }, 'IDEMPOTENCY_KEY_REUSED'],
    ['no visible characters', { key: 'a b' }, 'IDEMPOTENCY_KEY_MALFORMED'],
    ['too many characters', { key: 'k'.repeat(256) }, 'IDEMPOTENCY_KEY_MALFORMED'],
  ])('with %s is refused', async (_what, change, code) => {
    const [store, scope] = [await keys(), newScope()];
    await store.once(scope, async () => MADE);
    expect(await codeOf(store.once({ ...scope, ...change }, async () => MADE))).toBe(code);
  });

  it('is refused while the first is under way, and free again when that was refused', async () => {
    const [store, scope] = [await keys(), newScope()];
    let fail: (error: Error) => void = () => undefined;
    const begun: string[] = [];
    const first = store.once(scope, (commandId) => {
      begun.push(commandId);
      return new Promise<KeptAnswer>((_done, reject) => (fail = reject));
    });
    while (begun.length === 0) await sleep(POLL_MS);
    expect(await codeOf(store.once(scope, async () => MADE))).toBe('IDEMPOTENCY_IN_PROGRESS');
    expect(await codeOf(store.once({ ...scope, body: { a: 2 } }, async () => MADE))).toBe('IDEMPOTENCY_KEY_REUSED');
    fail(new EdgeFault('RATE_LIMITED', 'x'));
    expect(await codeOf(first)).toBe('RATE_LIMITED');
    expect(await store.once(scope, async (commandId) => (begun.push(commandId), MADE))).toMatchObject({ repeated: false });
    expect(new Set(begun).size).toBe(2);
  });
}

function goesOn(keys: Keys): void {
  it('is done, and its answer gone, when identity says so', async () => {
    const [store, scope] = [await keys(), newScope()];
    const asked: string[] = [];
    const ask = () => codeOf(store.once(scope, async (commandId) => {
      asked.push(commandId);
      throw new IdentityClientError('COMMAND_DONE', 'x');
    }));
    expect([await ask(), await ask()]).toEqual(['IDEMPOTENCY_ANSWER_NOT_KEPT', 'IDEMPOTENCY_ANSWER_NOT_KEPT']);
    expect(asked).toHaveLength(1);
  });

  it('goes on under the same command id when nobody knows what the first one did', async () => {
    const [store, scope] = [await keys(), newScope()];
    const begun: string[] = [];
    expect(await codeOf(store.once(scope, async (commandId) => {
      begun.push(commandId);
      throw new EdgeFault('LEDGER_UNAVAILABLE', 'x');
    }))).toBe('LEDGER_UNAVAILABLE');
    expect(await store.once(scope, async (commandId) => (begun.push(commandId), MADE))).toMatchObject({ repeated: false });
    expect(begun[0]).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(new Set(begun).size).toBe(1);
  });

  it('goes on under the same command id when the first one has died, and not before', async () => {
    const [store, scope] = [await keys(SHORT), newScope()];
    const begun: string[] = [];
    store.once(scope, (commandId) => (begun.push(commandId), new Promise<KeptAnswer>(() => undefined))).catch(() => undefined);
    while (begun.length === 0) await sleep(POLL_MS);
    const refused: string[] = [];
    const again = async (commandId: string): Promise<KeptAnswer> => (begun.push(commandId), MADE);
    while (begun.length === 1) {
      const code = await codeOf(store.once(scope, again));
      if (code !== 'none') refused.push(code);
      await sleep(POLL_MS);
    }
    expect(new Set(refused)).toEqual(new Set(['IDEMPOTENCY_IN_PROGRESS']));
    expect(new Set(begun).size).toBe(1);
  });

  it('is one request only, however many come at once', async () => {
    const [store, scope] = [await keys(), newScope()];
    let count = 0;
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(store.once(scope, async () => ((count += 1), await sleep(POLL_MS), MADE)))));
    expect({ count, codes: [...new Set(codes)].sort() }).toEqual({ count: 1, codes: ['IDEMPOTENCY_IN_PROGRESS', 'none'] });
  });

  it('ends with its time', async () => {
    const [store, scope] = [await keys({ ...IDEMPOTENCY_TIMES, keptMs: 20 }), newScope()];
    await store.once(scope, async () => MADE);
    let isNew = false;
    for (const endMs = performance.now() + 30_000; !isNew && performance.now() < endMs; await sleep(POLL_MS)) isNew = !(await store.once(scope, async () => MADE)).repeated;
    expect(isNew).toBe(true);
  });

  it('does not keep what is shown once', async () => {
    const [store, scope] = [await keys(), newScope()];
    await store.once(scope, async () => ({ ...MADE, body: undefined }));
    expect(await codeOf(store.once(scope, async () => MADE))).toBe('IDEMPOTENCY_ANSWER_NOT_KEPT');
  });
}

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IdentityPrincipal } from '@countersign/contracts';
import { IdentityClientError, SessionCache } from '../src/index.js';
import { FakeIdentity, TTL_MS } from './fake-identity.js';

const LIMIT_MS = 20_000;
const principal = (userId: string, sessionId: string): IdentityPrincipal => ({
  kind: 'person', userId, sessionId, roles: [], permissions: '', mfa: { needed: false, enrolled: false },
  assurance: { level: 'password', at: '2026-01-01T00:00:00.000Z' }, expiresAt: '2026-02-01T00:00:00.000Z',
});
const context = (session: string) => ({ ip: '192.0.2.1', userAgent: 'test', correlationId: 'c', session });
const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error instanceof IdentityClientError ? error.code : String(error)));

let identity: FakeIdentity;
let cache: SessionCache;
let nowMs: number;

async function until(isTrue: () => boolean): Promise<void> {
  for (const endMs = performance.now() + LIMIT_MS; !isTrue(); await sleep(5)) if (performance.now() > endMs) throw new Error('not in time');
}

beforeEach(async () => {
  identity = new FakeIdentity();
  identity.sessions.set('t1', principal('u1', 's1')).set('t2', principal('u1', 's2')).set('t3', principal('u2', 's3'));
  nowMs = 0;
  cache = new SessionCache({ ...identity, onError: () => undefined, monotonicMs: () => nowMs });
  cache.start();
  await until(() => cache.isTrusted());
});
afterEach(async () => {
  identity.isAway = false;
  await cache.close();
});

describe('a session cache', () => {
  it('asks once for many requests', async () => {
    expect((await cache.check(context('t1'))).userId).toBe('u1');
    await Promise.all(Array.from({ length: 100 }, () => cache.check(context('t1'))));
    expect(identity.checks).toBe(1);
  });

  it('shares a question between requests that come at the same time', async () => {
    await Promise.all(Array.from({ length: 100 }, () => cache.check(context('t1'))));
    expect(identity.checks).toBe(1);
  });

  it('caches no refusal', async () => {
    expect(await codeOf(cache.check(context('t9')))).toBe('UNAUTHENTICATED');
    identity.sessions.set('t9', principal('u9', 's9'));
    expect((await cache.check(context('t9'))).userId).toBe('u9');
  });

  it('refuses a request without a token and asks nobody', async () => {
    expect(await codeOf(cache.check({ ...context('x'), session: undefined }))).toBe('UNAUTHENTICATED');
    expect(identity.checks).toBe(0);
  });

  it('voids what was revoked before it acknowledges, and nothing else', async () => {
    for (const token of ['t1', 't2', 't3']) await cache.check(context(token));
    identity.revoke('t1', ['s1']);
    expect(identity.acked).toEqual([{ id: 'r1', edgeId: cache.edgeId, lease: 'l1' }]);
    expect(await codeOf(cache.check(context('t1')))).toBe('UNAUTHENTICATED');
    await cache.check(context('t2'));
    await cache.check(context('t3'));
    expect(identity.checks).toBe(4);
  });

  it('voids all sessions of a user', async () => {
    for (const token of ['t1', 't2', 't3']) await cache.check(context(token));
    identity.revoke('t1');
    identity.sessions.delete('t2');
    expect(await Promise.all(['t1', 't2', 't3'].map((token) => codeOf(cache.check(context(token)))))).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'none']);
  });

  it('keeps no answer that a revocation has overtaken', async () => {
    let release: () => void = () => undefined;
    identity.held = new Promise((resolve) => (release = resolve));
    const before = codeOf(cache.check(context('t1')));
    await until(() => identity.checks === 1);
    identity.revoke('t1');
    // Another request that begins now must not share the old question either.
    const after = codeOf(cache.check(context('t1')));
    release();
    expect(await Promise.all([before, after])).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
    expect(await codeOf(cache.check(context('t1')))).toBe('UNAUTHENTICATED');
  });

  it('trusts nothing that it cached once its lease has run out', async () => {
    await cache.check(context('t1'));
    identity.isDeaf = true;
    identity.isAway = true;
    identity.revoke('t1');
    nowMs = TTL_MS;
    expect(cache.isTrusted()).toBe(false);
    expect(await codeOf(cache.check(context('t1')))).toBe('IDENTITY_UNAVAILABLE');
    identity.isAway = false;
    expect(await codeOf(cache.check(context('t1')))).toBe('UNAUTHENTICATED');
  });

  it('forgets everything when its lease was fenced, also under the next one', async () => {
    await cache.check(context('t1'));
    identity.isDeaf = true;
    identity.isFenced = true;
    identity.revoke('t1');
    await until(() => identity.lease === 'l2' && cache.isTrusted());
    expect(await codeOf(cache.check(context('t1')))).toBe('UNAUTHENTICATED');
  });

  it('asks again after a while though nobody revoked anything', async () => {
    await cache.check(context('t1'));
    for (nowMs = 0; nowMs < 10_000; nowMs += 500) await sleep(0);
    await until(() => cache.isTrusted());
    await cache.check(context('t1'));
    expect(identity.checks).toBe(2);
  });

  it('is not disturbed by what is no revocation', async () => {
    await cache.check(context('t1'));
    for (const text of ['', 'null', '{}', '{"userId":"u1"}']) identity.tell(text);
    await cache.check(context('t1'));
    expect([identity.checks, identity.acked]).toEqual([1, []]);
  });

  it('ends in time while identity stands still: the lease ends by itself', async () => {
    identity.isStill = true;
    const startMs = performance.now();
    await cache.close();
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(cache.isTrusted()).toBe(false);
  });

  it('gives its lease back when it ends, and believes nothing afterwards', async () => {
    await cache.check(context('t1'));
    await cache.close();
    expect(identity.lease).toBeUndefined();
    identity.sessions.delete('t1');
    expect(await codeOf(cache.check(context('t1')))).toBe('UNAUTHENTICATED');
  });
});

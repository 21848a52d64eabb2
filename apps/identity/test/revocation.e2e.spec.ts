import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { IdentityClient, SessionCache } from '@countersign/identity-client';
import { codeOf, IdentityFixture, type Person } from './fixture/identity-fixture.js';
import { until } from './fixture/until.js';

const EDGES = 3;
const ROUNDS = 12;
let fixture: IdentityFixture;
let admin: Person;
let edges: SessionCache[];

beforeAll(async () => {
  fixture = await IdentityFixture.make();
  // Two instances: which of them gives a lease and which revokes is left to chance.
  await fixture.start();
  admin = await fixture.administrator();
  edges = await Promise.all(Array.from({ length: EDGES }, async () => (await fixture.openEdge()).cache));
  await until('leases', () => edges.every((edge) => edge.isTrusted()));
}, 120_000);
afterAll(() => fixture.close());

/** Asks an edge again and again, and notes when each question that was answered had begun. */
function hammer(edge: SessionCache, person: Person, says: (permissions: string) => boolean): { readonly begunMs: number[]; stop(): Promise<void> } {
  const begunMs: number[] = [];
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      const nowMs = performance.now();
      const principal = await edge.check(fixture.context(person.browser)).catch(() => undefined);
      if (principal !== undefined && says(principal.permissions)) begunMs.push(nowMs);
      await sleep(0);
    }
  })();
  return { begunMs, stop: async () => { isOver = true; await running; } };
}

async function race(person: Person, revoke: () => Promise<unknown>, says: (permissions: string) => boolean = () => true): Promise<number> {
  const hammers = edges.flatMap((edge) => [hammer(edge, person, says), hammer(edge, person, says)]);
  await until('answers from caches', () => hammers.every(({ begunMs }) => begunMs.length > 5));
  const askedMs = performance.now();
  await revoke();
  const returnedMs = performance.now();
  await sleep(20);
  await Promise.all(hammers.map((one) => one.stop()));
  // The promise: whoever begins after the call has returned meets the revocation everywhere.
  expect(hammers.flatMap(({ begunMs }) => begunMs.filter((begun) => begun > returnedMs))).toEqual([]);
  return returnedMs - askedMs;
}

describe('a revocation', () => {
  it('of a session holds at every edge before its call returns', async () => {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const person = await fixture.person();
      took.push(await race(person, () => fixture.ask('session-revoke-all', person.browser, {})));
    }
    // Acknowledged by every edge: none of the leases had to be waited out.
    expect(Math.min(...took)).toBeLessThan(1_000);
  }, 120_000);

  it('of a role holds at every edge before its call returns', async () => {
    const person = await fixture.person();
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    const plain = (await fixture.ask('session-check', person.browser, {})).permissions;
    for (let round = 0; round < 3; round++) {
      await fixture.ask('role-grant', admin.browser, { userId: person.userId, role: 'viewer' });
      await race(person, () => fixture.ask('role-revoke', admin.browser, { userId: person.userId, role: 'viewer' }), (permissions) => permissions !== plain);
    }
  }, 120_000);

  it('of a user who is disabled holds at every edge before its call returns', async () => {
    const person = await fixture.person();
    await fixture.ask('step-up', admin.browser, { code: fixture.code(admin) });
    await race(person, () => fixture.ask('user-disable', admin.browser, { userId: person.userId, reason: 'left' }));
  }, 120_000);

  it('that meets a renewal leaves nothing alive', async () => {
    for (let round = 0; round < 5; round++) {
      const person = await fixture.person();
      fixture.offsetMs += 2 * 86_400_000;
      await Promise.all([codeOf(fixture.ask('session-check', person.browser, {})), fixture.ask('session-revoke-all', person.browser, {})].map((one) => one.catch(() => undefined)));
      expect(await codeOf(fixture.ask('session-check', person.browser, {}))).toBe('UNAUTHENTICATED');
    }
  }, 60_000);

  it('waits for an edge that hears nothing until its lease has ended, and only once', async () => {
    const deaf = await deafEdge();
    const person = await fixture.person();
    await deaf.check(fixture.context(person.browser));
    const held = hammer(deaf, person, () => true);
    const begunMs = performance.now();
    await fixture.ask('session-revoke-all', person.browser, {});
    const returnedMs = performance.now();
    await sleep(50);
    await held.stop();
    expect(held.begunMs.filter((begun) => begun > returnedMs)).toEqual([]);
    expect(held.begunMs.length).toBeGreaterThan(0);
    expect(returnedMs - begunMs).toBeGreaterThan(1_000);
    await deaf.close();
    const next = await fixture.person();
    await race(next, () => fixture.ask('session-revoke-all', next.browser, {}));
  }, 60_000);

  it('waits for nobody when an edge has ended in order', async () => {
    const { cache } = await fixture.openEdge();
    await until('lease', () => cache.isTrusted());
    await cache.close();
    const { rows } = await fixture.pool.query('SELECT count(*)::int AS leases FROM edge_leases WHERE edge_id = $1', [cache.edgeId]);
    expect(rows).toEqual([{ leases: 0 }]);
  });
});

/** As one whose connection for messages hangs while its requests go through. */
async function deafEdge(): Promise<SessionCache> {
  const { bus } = await fixture.openEdge();
  const hearing = { publish: bus.publish.bind(bus), subscribe: () => ({ unsubscribe: () => undefined }) };
  const cache = new SessionCache({ client: new IdentityClient({ bus }), bus: hearing, onError: () => undefined });
  cache.start();
  await until('lease', () => cache.isTrusted());
  return cache;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Deployment, type Person } from './harness/deployment.js';
import { until } from './harness/waiting.js';

const BACK_LIMIT_MS = 60_000;
/** Short by default; `LEDGER_DOWN_MINUTES=10` for the whole time that is promised. */
const LEDGER_DOWN_MS = Number(process.env['LEDGER_DOWN_MINUTES'] ?? '0.2') * 60_000;
const PAUSE_MS = 200;
/** Two writes of one user a round, of the 120 that he has a minute. */
const ROUND_MS = 1_200;
const REVOKE_ALL = '/v1/account/sessions/revoke-all';

let deployment: Deployment;
let ana: Person;

/** docs/operations/runbooks/sign-in-degraded.md says what people may expect; each case ends with everything in the ledger. */
describe('sign-in when something that it needs is away', () => {
  beforeAll(async () => {
    deployment = await Deployment.open();
    ana = await deployment.person('ana');
  }, 180_000);
  afterAll(() => deployment.close(), 60_000);
  afterEach(() => deployment.audit());

  /** Asks until it is answered so: what was away is found to be back on its own time. */
  const becomes = (code: string, ask: () => Promise<string>): Promise<void> => until(code, BACK_LIMIT_MS, async () => (await ask()) === code);
  const grant = (what: 'roles' | 'roles/revoke'): Promise<string> => deployment.deed(deployment.admin.browser, 'POST', `/v1/admin/users/${ana.account.userId}/${what}`, { role: 'viewer' });

  it('Redis killed: sign-in goes on and still locks, limits are each edge\'s own, an Idempotency-Key is refused', async () => {
    const { redis } = deployment;
    if (redis === undefined) {
      process.stderr.write('Redis killed: left out, because there is no redis-server in PATH (Debian: apt-get install redis-server)\n');
      return;
    }
    await redis.kill();
    expect(await deployment.signIn(ana.account)).toBe('none');
    const key = { 'idempotency-key': 'while-redis-is-away' };
    expect(await deployment.deed(ana.browser, 'POST', REVOKE_ALL, { keepCurrent: true }, key)).toBe('IDEMPOTENCY_UNAVAILABLE');
    expect(await deployment.deed(ana.browser, 'POST', REVOKE_ALL, { keepCurrent: true })).toBe('none');
    const bob = await deployment.person('bob');
    const codes: string[] = [];
    for (let guess = 0; guess < 6; guess += 1) codes.push(await deployment.deed(deployment.browser(), 'POST', '/v1/sign-in', { email: bob.account.email, password: 'not the right passphrase' }));
    expect(codes).toEqual([...Array.from({ length: 5 }, () => 'SIGN_IN_REFUSED'), 'ATTEMPTS_LOCKED']);
    await redis.start();
    await becomes('none', () => deployment.deed(ana.browser, 'POST', REVOKE_ALL, { keepCurrent: true }, key));
  });

  it('an edge killed in the middle of a request: sent again to another with its Idempotency-Key, it is done once', async () => {
    if (deployment.redis === undefined) {
      process.stderr.write('an edge killed: left out, because edges share Idempotency-Keys in Redis alone\n');
      return;
    }
    const [edge] = deployment.edges;
    const { identity } = deployment.platform;
    const carol = await deployment.person('carol');
    const endings = (): Promise<number> => deployment.countOf('identity.user.sessions-ended', carol.account.userId);
    const redis = new Redis(deployment.redis.url);
    // From then on this edge knows the session, and needs nobody to begin.
    expect((await carol.browser.get('/v1/account/principal')).status).toBe(200);
    const taken = (await redis.keys('edge:key:*')).length;
    const elsewhere = carol.browser.stolen({ origin: deployment.edges[1].origin });
    const key = { 'idempotency-key': 'cut-short' };
    // Identity gets the request, and is awake again only when the edge that sent it is gone.
    identity.signal('SIGSTOP');
    const cut = deployment.deed(carol.browser, 'POST', REVOKE_ALL, { keepCurrent: true }, key).catch(() => 'cut');
    await until('the key is taken', BACK_LIMIT_MS, async () => (await redis.keys('edge:key:*')).length > taken);
    redis.disconnect();
    await sleep(PAUSE_MS);
    await edge.process.kill();
    identity.signal('SIGCONT');
    expect(await cut).toBe('cut');
    await until('identity has done it', BACK_LIMIT_MS, async () => (await endings()) === 1);
    await edge.process.start();
    await until('it is answered', 2 * BACK_LIMIT_MS, async () => (await deployment.deed(elsewhere, 'POST', REVOKE_ALL, { keepCurrent: true }, key)) === 'none');
    expect(await endings()).toBe(1);
  });

  it('keys killed: sessions go on; nobody new comes in, and nothing is half done; identity started meanwhile lets nobody in', async () => {
    const { keys, identity } = deployment.platform;
    await keys.kill();
    expect((await ana.browser.get('/v1/account/principal')).status).toBe(200);
    expect(await deployment.deed(deployment.browser(), 'POST', '/v1/register', { email: 'new@example.com', name: 'New', password: 'a passphrase of somebody' })).toBe('IDENTITY_UNAVAILABLE');
    await identity.kill();
    await identity.start();
    expect(await deployment.signIn(ana.account)).toBe('IDENTITY_UNAVAILABLE');
    expect((await ana.browser.get('/v1/account/principal')).status).toBe(200);
    await keys.start();
    await becomes('none', () => deployment.signIn(ana.account));
    expect(await deployment.deed(deployment.browser(), 'POST', '/v1/register', { email: 'new@example.com', name: 'New', password: 'a passphrase of somebody' })).toBe('none');
  });

  it('NATS killed: everybody is told to come again, nothing is done, and it goes on when NATS is back', async () => {
    const { nats } = deployment.stack;
    await nats.kill('SIGKILL');
    const codes = await Promise.all([deployment.signIn(ana.account), grant('roles'), deployment.deed(ana.browser, 'POST', REVOKE_ALL, {})]);
    expect(codes).toEqual(['IDENTITY_UNAVAILABLE', 'IDENTITY_UNAVAILABLE', 'IDENTITY_UNAVAILABLE']);
    await deployment.restartNats();
    await becomes('none', () => deployment.signIn(ana.account));
    expect(await grant('roles')).toBe('none');
    expect(await grant('roles/revoke')).toBe('none');
  });

  it(`the ledger down for ${String(LEDGER_DOWN_MS / 1_000)} s: accounts go on, their record waits, and is whole after`, async () => {
    const { ledger } = deployment.platform;
    await ledger.kill();
    const before = deployment.acknowledged;
    const codes = new Set<string>();
    for (const endMs = performance.now() + LEDGER_DOWN_MS; performance.now() < endMs; await sleep(ROUND_MS)) {
      codes.add(await deployment.signIn(ana.account));
      for (const what of ['roles', 'roles/revoke'] as const) codes.add(await grant(what));
    }
    expect([...codes]).toEqual(['none']);
    expect(deployment.acknowledged).toBeGreaterThan(before + 10);
    expect((await deployment.admin.browser.get('/v1/ledgers/system/events')).json.code).toBe('LEDGER_UNAVAILABLE');
    await ledger.start();
  });
});

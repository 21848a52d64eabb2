import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Account, administrator, Browser, browserAgent, Platform, seeded, startTestStack, wanted, type Devstack } from '@countersign/devstack';
import { createPool, type Pool } from '@countersign/postgres';
import { until } from './fixture/sweep-stand.js';

const HOLDS = 25;
const USERS = 40;
const SESSIONS_A_ROUND = 4_000;
const POLICY_CHANGES = 5;
const SESSIONS = { name: 'Ended sessions', type: 'session', dispose: { after: { days: 30 }, action: 'delete' } };

const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const dice = seeded(SEED);
const randomInt = (most: number): number => Math.floor(dice() * most);

let stack: Devstack;
let platform: Platform;
let admin: Browser;
let officer: Browser;
let agent: ReturnType<typeof browserAgent>;
let identity: Pool;
let retention: Pool;
beforeAll(async () => {
  stack = await startTestStack();
  platform = await Platform.open(stack, { isFast: true, env: { identity: { IDENTITY_PASSWORD_ITERATIONS: '200000' }, retention: { RETENTION_SWEEP_SECONDS: '1', RETENTION_ORDERS_PER_SECOND_MAX: '1000' } } });
  const { origin } = await platform.addEdge({ EDGE_LIMITS_FACTOR: '1000' });
  agent = browserAgent(platform.ca);
  [admin, officer] = [new Browser({ origin, agent }), new Browser({ origin, agent })];
  await administrator(stack.nats, admin);
  const second = await new Account('officer@example.com').register(officer);
  await second.enrol(officer);
  wanted(await admin.post(`/v1/admin/users/${second.userId}/roles`, { role: 'privacy-officer' }), 204);
  identity = createPool({ url: stack.databaseUrl('identity'), max: 2, applicationName: 'test' });
  retention = createPool({ url: stack.databaseUrl('retention'), max: 2, applicationName: 'test' });
  await identity.query(`INSERT INTO users (user_id, state, organization, email_index, email, name, created_at, password, password_at) SELECT 'gone-' || n, 'active', NULL, 'gone-' || n, 'x', 'x', now(), 'x', now() FROM generate_series(1, $1::int) n`, [USERS]);
}, 180_000);
afterAll(async () => {
  await Promise.all([identity.end(), retention.end()]);
  agent.destroy();
  await platform.stop();
  await stack.stop();
});

/** More that is due, of everybody. */
const addDue = (round: number): Promise<unknown> =>
  identity.query(
    `INSERT INTO sessions (session_id, token_hash, user_id, started_at, seen_at, expires_at, assurance, assurance_at, ended_at)
     SELECT 'due-' || lpad(n::text, 9, '0'), rpad('t' || n, 43, '-'), 'gone-' || (n % $3 + 1), t, t, t + interval '9 days', 'password', t, t FROM generate_series($1::int, $2::int) n, (SELECT now() - interval '80 days' AS t) at`,
    [round * SESSIONS_A_ROUND, (round + 1) * SESSIONS_A_ROUND - 1, USERS],
  );
const of = async (users: readonly string[]): Promise<string[]> => (await identity.query<{ id: string }>(`SELECT session_id AS id FROM sessions WHERE user_id = ANY($1) ORDER BY 1`, [users])).rows.map(({ id }) => id);
const numberOf = async (pool: Pool, sql: string, values: unknown[] = []): Promise<number> => (await pool.query<{ n: number }>(sql, values)).rows[0]!.n;
const openOrders = (): Promise<number> => numberOf(retention, `SELECT count(*)::int AS n FROM deletion_orders WHERE state = 'open'`);
const dueOf = (held: readonly string[]): Promise<number> => numberOf(identity, `SELECT count(*)::int AS n FROM sessions WHERE user_id LIKE 'gone-%' AND user_id <> ALL($1)`, [held]);

async function agreed(body: object): Promise<string> {
  const { proposalId, policyId } = wanted(await admin.post('/v1/retention/policies', { ...body, reason: 'a test' }), 200).json as { proposalId?: string; policyId: string };
  if (proposalId !== undefined) wanted(await officer.post(`/v1/retention/proposals/${proposalId}/approve`), 204);
  return policyId;
}

describe('while the sweeper of a deployment deletes', () => {
  const held: string[] = [];

  it(`${HOLDS} holds are placed at any instant: what each covers stays from when it is in force, and everything else goes once`, async () => {
    await agreed({ rule: SESSIONS });
    let [kept, inTime]: [string[], number] = [[], 0];
    for (let round = 0; round < HOLDS; round++) {
      await addDue(round);
      await sleep(randomInt(1_200));
      const user = `gone-${round + 1}`;
      wanted(await admin.post('/v1/retention/holds', { matter: `m-${round}`, reason: 'a test', scope: { subjects: [user] } }), 201);
      held.push(user);
      // In force: from here on nothing of it goes, whatever was on its way.
      const now = await of([user]);
      if (now.length > 0) inTime += 1;
      kept = [...kept, ...now];
    }
    await until(async () => (await dueOf(held)) === 0 && (await openOrders()) === 0, 120_000);
    const rest = new Set(await of(held));
    expect(kept.filter((id) => !rest.has(id))).toEqual([]);
    // Otherwise every hold came too late, and nothing was at stake.
    expect(inTime).toBeGreaterThan(HOLDS / 4);
    const { rows } = await retention.query<{ state: string; outcome: { done?: string[]; items?: number } }>(`SELECT state, outcome FROM deletion_orders WHERE type = 'session'`);
    const gone = rows.flatMap(({ outcome }) => outcome?.done ?? []).filter((id) => id.startsWith('due-'));
    expect(new Set(gone).size).toBe(gone.length);
    expect(gone.length + rest.size).toBe(HOLDS * SESSIONS_A_ROUND);
    process.stdout.write(`seed ${SEED}: ${HOLDS} holds, ${inTime} of them before all was gone, ${rows.length} orders, ${rows.filter(({ state }) => state === 'recalled').length} called back\n`);
  }, 240_000);

  it(`a policy that keeps is made ${POLICY_CHANGES} times: no order is given after it, and when it ends the rest goes`, async () => {
    let atStake = 0;
    for (let round = 0; round < POLICY_CHANGES; round++) {
      await addDue(HOLDS + round);
      await sleep(randomInt(1_000));
      const policyId = await agreed({ rule: { name: 'Keep', type: 'session', keep: 'for-ever' } });
      const last = await numberOf(retention, `SELECT count(*)::int AS n FROM deletion_orders`);
      await until(async () => (await openOrders()) === 0);
      const left = await dueOf(held);
      await sleep(2_500);
      expect(await numberOf(retention, `SELECT count(*)::int AS n FROM deletion_orders`)).toBe(last);
      expect(await dueOf(held)).toBe(left);
      atStake += left;
      await agreed({ policyId });
      await until(async () => (await dueOf(held)) === 0 && (await openOrders()) === 0);
    }
    expect(atStake).toBeGreaterThan(0);
  }, 240_000);
});

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SweepStand, until } from './fixture/sweep-stand.js';

const KILLS = 50;
const SESSIONS_A_ROUND = 12;
const EVENTS_A_ROUND = 12;
const KILLED_WITHIN_MS = 700;
const HOOKS = join(import.meta.dirname, '../../../tools/resolve-source.mjs');

let stand: SweepStand;
beforeAll(async () => {
  stand = await SweepStand.open();
  await stand.sql('identity', `INSERT INTO users (user_id, state, organization, email_index, email, name, created_at, password, password_at) SELECT 'user-' || n, 'active', 'acme', n, 'x', 'x', now(), 'x', now() FROM generate_series(1, 3) n`);
}, 120_000);
afterAll(() => stand.close());

/** Starts a sweeper; resolves when it has begun. */
async function startChild(): Promise<{ readonly ended: Promise<unknown>; kill(): void }> {
  const { NODE_OPTIONS: _jest, ...env } = process.env;
  const dir = join(stand.stack.stateDir, 'retention-service');
  const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--conditions=@countersign/source', '--import', HOOKS];
  const args = [...flags, join(import.meta.dirname, 'fixture/sweep-child.ts'), join(dir, 'retention-retention_runtime-url'), stand.stack.nats.url, stand.stack.nats.users.retention, join(dir, 'keys-public-key')];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return { ended, kill: () => child.kill('SIGKILL') };
}

/** More that is due: a third of it is under the hold. */
async function addDue(round: number): Promise<void> {
  const from = round * SESSIONS_A_ROUND;
  await stand.sql(
    'identity',
    `INSERT INTO sessions (session_id, token_hash, user_id, started_at, seen_at, expires_at, assurance, assurance_at, ended_at)
     SELECT 's' || lpad(n::text, 6, '0'), rpad('t' || n, 43, '-'), 'user-' || (n % 3 + 1), t, t, t + interval '9 days', 'password', t, t FROM generate_series($1::int, $2::int) n, (SELECT now() - interval '40 days' AS t) at`,
    [from, from + SESSIONS_A_ROUND - 1],
  );
  await stand.record(Array.from({ length: EVENTS_A_ROUND }, (_, n) => ({
    id: randomUUID(), type: 'shop.order.placed', source: 'shop', tenant: 'acme', time: '2026-11-22T10:00:00.000Z', severity: 'info', outcome: 'success', actor: { type: 'user', id: `user-${(n % 3) + 1}` }, data: { round, n },
  })));
}

const countOf = async (database: string, sql: string): Promise<number> => (await stand.sql<{ n: number }>(database, sql))[0]!.n;
const OWN = `SELECT count(*)::int AS n FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = 'acme'`;
const openOrders = (): Promise<number> => countOf('retention', `SELECT count(*)::int AS n FROM deletion_orders WHERE state = 'open'`);
const sessionsLeft = (whose: string): Promise<number> => countOf('identity', `SELECT count(*)::int AS n FROM sessions WHERE user_id ${whose}`);
const partsLeft = (whose: string): Promise<number> => countOf('ledger', `${OWN} AND data_part IS NOT NULL AND encode(entry, 'escape') LIKE '%"type":"shop.order.placed"%' AND encode(entry, 'escape') ${whose} LIKE '%"id":"user-1"%'`);

describe('a sweeper killed with -9 at random', () => {
  it(`${KILLS} times: nothing goes that a hold covers, nothing due is left, nothing is counted twice, every deletion is on record once`, async () => {
    let openAtKill = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = await startChild();
      await addDue(kill);
      await sleep(Math.random() * KILLED_WITHIN_MS);
      child.kill();
      await child.ended;
      openAtKill += await openOrders();
    }
    // Otherwise the kills met nothing.
    expect(openAtKill).toBeGreaterThan(0);
    const last = await startChild();
    await until(async () => (await sessionsLeft(`<> 'user-1'`)) === 0 && (await partsLeft('NOT')) === 0 && (await openOrders()) === 0);
    last.kill();
    await last.ended;
    // What the hold covers is all there.
    expect(await sessionsLeft(`= 'user-1'`)).toBe((KILLS * SESSIONS_A_ROUND) / 3);
    expect(await partsLeft('')).toBe((KILLS * EVENTS_A_ROUND) / 3);
    // Counted once: what certificates say is what is gone.
    const rows = await stand.sql<{ id: string; type: string; state: string; outcome: { done: string[]; items: number } }>('retention', 'SELECT order_id AS id, type, state, outcome FROM deletion_orders');
    const executed = rows.filter(({ state }) => state === 'executed');
    const sum = (type: string): number => executed.filter((row) => row.type === type).reduce((all, { outcome }) => all + outcome.items, 0);
    expect(sum('session')).toBe((KILLS * SESSIONS_A_ROUND * 2) / 3);
    expect(sum('audit-parts')).toBeGreaterThanOrEqual((KILLS * EVENTS_A_ROUND * 2) / 3);
    const done = executed.filter(({ type }) => type === 'session').flatMap(({ outcome }) => outcome.done);
    expect(new Set(done).size).toBe(done.length);
    // On record once, each.
    const recorded = (): Promise<{ id: string }[]> => stand.sql('ledger', `SELECT substring(encode(entry, 'escape') FROM '"resource":{"id":"([^"]+)"') AS id FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = 'acme' AND encode(entry, 'escape') LIKE '%"type":"retention.deletion.executed"%'`);
    await until(async () => (await recorded()).length >= executed.length);
    expect((await recorded()).map(({ id }) => id).sort()).toEqual(executed.map(({ id }) => id).sort());
    expect(await stand.verify('acme')).toBe('intact');
    process.stdout.write(`${KILLS} kills, ${openAtKill} orders open at a kill, ${executed.length} orders executed\n`);
  });
});

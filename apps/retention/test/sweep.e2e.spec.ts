import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyCertificate } from '@countersign/certificates';
import { deletionList, deletionStatementSchema, ORDER_EXCEPT_MAX } from '@countersign/contracts';
import type { Event } from '@countersign/chain';
import { publishIntake } from '@countersign/bus';
import { HolderFault } from '@countersign/holder';
import type { Hold } from '@countersign/retention-rules';
import { OrderRows } from '../src/sweep/order-rows.js';
import { SweepStand, until } from './fixture/sweep-stand.js';

interface OrderRow {
  readonly order_id: string;
  readonly state: string;
  readonly certificate: string | null;
  readonly outcome: { readonly done?: readonly string[]; readonly items?: number };
}

let stand: SweepStand;
beforeAll(async () => {
  stand = await SweepStand.open();
  await stand.sql('identity', `INSERT INTO users (user_id, state, organization, email_index, email, name, created_at, password, password_at) SELECT 'user-' || n, 'active', 'acme', n, 'x', 'x', now(), 'x', now() FROM generate_series(1, 3) n`);
  stand.policies = [
    { id: 'sessions', version: 3, type: 'session', dispose: { after: { days: 30 }, action: 'delete' } },
    { id: 'parts', version: 1, organization: 'acme', type: 'audit-parts', dataClass: 'operational', dispose: { after: { days: 0 }, action: 'delete' } },
  ];
});
afterAll(() => stand.close());

/** Sessions of the three users in turn, ended so many days ago. */
const sessions = (from: number, count: number, daysAgo: number): Promise<unknown> =>
  stand.sql(
    'identity',
    `INSERT INTO sessions (session_id, token_hash, user_id, started_at, seen_at, expires_at, assurance, assurance_at, ended_at)
     SELECT 's' || lpad(n::text, 6, '0'), rpad('t' || n, 43, '-'), 'user-' || (n % 3 + 1), t - interval '1 day', t, t + interval '9 days', 'password', t, t FROM generate_series($1::int, $2::int) n, (SELECT now() - $3::int * interval '1 day' AS t) at`,
    [from, from + count - 1, daysAgo],
  );
const left = async (): Promise<string[]> => (await stand.sql<{ id: string }>('identity', 'SELECT session_id AS id FROM sessions ORDER BY 1')).map(({ id }) => id);
const orders = (): Promise<OrderRow[]> => stand.sql<OrderRow>('retention', 'SELECT order_id, state, certificate, outcome FROM deletion_orders ORDER BY ordered_at, order_id');
const events = (count: number): Event[] =>
  Array.from({ length: count }, (_, n) => ({ id: randomUUID(), type: 'shop.order.placed', source: 'shop', tenant: 'acme', time: '2026-11-22T10:00:00.000Z', severity: 'info', outcome: 'success', actor: { type: 'user', id: `user-${(n % 3) + 1}` }, data: { n } }));
const holdOn = (subject: string): Hold => ({ id: randomUUID(), scope: { subjects: [subject] }, placedMs: Date.now() });

describe('a sweep', () => {
  it('has what is due deleted by its owners, and certifies it on record', async () => {
    await sessions(1, 7, 40);
    await sessions(8, 3, 10);
    await stand.record(events(30));
    const swept = await stand.sweeper().sweep();
    // Sessions that ended 40 days ago; parts of 30 events.
    expect(swept).toMatchObject({ resources: 8, items: 37, failures: 0 });
    expect(await left()).toEqual(['s000008', 's000009', 's000010']);
    expect(await stand.verify('acme')).toBe('intact');
    for (const { order_id, certificate, outcome } of await orders()) {
      const { statement, kind } = verifyCertificate(certificate!, [stand.vkey!]);
      const said = deletionStatementSchema.parse(statement);
      const listSha256 = createHash('sha256').update(deletionList(outcome.done!)).digest('hex');
      expect([kind, said]).toMatchObject(['deletion', { certificate: order_id, tenant: 'acme', resources: outcome.done!.length, items: outcome.items, listSha256, setBy: 'user-1', approvedBy: 'user-2' }]);
    }
  });

  it('puts every deletion on record in the ledger of its organisation, once', async () => {
    const recorded = (type: string) => stand.sql<{ resource: string }>('ledger', `SELECT substring(encode(entry, 'escape') FROM '"resource":{"id":"([^"]+)"') AS resource FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = 'acme' AND encode(entry, 'escape') LIKE '%"type":"${type}"%'`);
    const all = (await orders()).map(({ order_id }) => order_id).sort();
    await until(async () => (await recorded('retention.deletion.executed')).length >= all.length);
    expect((await recorded('retention.deletion.executed')).map(({ resource }) => resource).sort()).toEqual(all);
    expect((await recorded('retention.deletion.ordered')).map(({ resource }) => resource).sort()).toEqual(all);
  });

  it('does nothing when nothing is due', async () => {
    const before = (await orders()).length;
    expect(await stand.sweeper().sweep()).toMatchObject({ failures: 0, resources: 0 });
    expect((await orders()).length).toBe(before);
  });
});

describe('a crash', () => {
  it.each(['after the order is on record', 'after its owner has carried it out'])('%s: the next sweep settles it, and nothing is counted twice', async (when) => {
    await sessions(100, 5, 40);
    const before = (await orders()).length;
    const dying = {
      execute: async (open: { order: unknown; holder: string }) => {
        if (when.startsWith('after its owner')) await stand.bus.request(`${open.holder}.held-execute`, JSON.stringify(open.order), { timeoutMs: 5_000 });
        throw new Error('killed');
      },
    };
    await expect(stand.sweeper({ settling: dying as never }).sweep()).rejects.toThrow('killed');
    expect((await orders()).filter(({ state }) => state === 'open')).toHaveLength(1);
    expect(await stand.sweeper().sweep()).toMatchObject({ resources: 5, items: 5 });
    const after = await orders();
    expect(after.length).toBe(before + 1);
    expect(after.at(-1)).toMatchObject({ state: 'executed', outcome: { items: 5 } });
  });
});

describe('a hold', () => {
  it('placed while the sweeper deletes wins: what it covers and had not gone stays', async () => {
    await sessions(1_000, 300, 40);
    const types = [{ type: 'session', holder: 'identity', clock: 'closed', actions: ['delete'], classes: ['security'], orderMax: 10, isRange: false }] as const;
    const sweeper = stand.sweeper({ types: async () => types });
    const sweeping = sweeper.sweep();
    await until(async () => (await orders()).filter(({ state }) => state === 'executed').length >= 6);
    await stand.place(holdOn('user-1'));
    await sweeper.recall(({ resources }) => resources.some(({ subject }) => subject === 'user-1'));
    // From here on nothing goes that it covers.
    const kept = await stand.sql<{ id: string }>('identity', `SELECT session_id AS id FROM sessions WHERE user_id = 'user-1' AND session_id >= 's001000' ORDER BY 1`);
    expect(kept.length).toBeGreaterThan(0);
    await sweeping;
    await stand.sweeper({ types: async () => types }).sweep();
    const rest = await left();
    expect(rest.filter((id) => id >= 's001000')).toEqual(kept.map(({ id }) => id));
    const gone = (await orders()).flatMap(({ outcome }) => outcome?.done ?? []);
    expect(new Set(gone).size).toBe(gone.length - 5);
  });

  it('on a subject keeps its events of a range, and the others go', async () => {
    await stand.record(events(30));
    await stand.sweeper().sweep();
    const [held] = await stand.sql<{ n: number }>('ledger', `SELECT count(*)::int AS n FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = 'acme' AND data_part IS NOT NULL AND encode(entry, 'escape') LIKE '%"type":"shop.order.placed"%'`);
    expect(held!.n).toBe(10);
    expect(await stand.verify('acme')).toBe('intact');
  });
});

describe('a hold that nobody has called orders back for', () => {
  it('because whoever placed it crashed wins all the same: the next sweep calls them back and sends none of them', async () => {
    stand.holds = [];
    await stand.sql('identity', 'DELETE FROM sessions');
    await sessions(3_000, 6, 40);
    const dying = { execute: async () => { throw new Error('killed'); } };
    await expect(stand.sweeper({ settling: dying as never }).sweep()).rejects.toThrow('killed');
    const open = (await orders()).find(({ state }) => state === 'open')!;
    await stand.place(holdOn('user-1'));
    await stand.sweeper().sweep();
    expect((await orders()).find(({ order_id: id }) => id === open.order_id)).toMatchObject({ state: 'recalled' });
    expect(await left()).toEqual(['s003000', 's003003']);
  });
});

describe('a restriction', () => {
  it('keeps what is about its subject, and no order judged before it is given any more', async () => {
    stand.holds = [];
    await stand.sql('identity', 'DELETE FROM sessions');
    await sessions(4_000, 6, 40);
    const version = async () => (await stand.sql<{ version: string }>('retention', 'SELECT version FROM rules_version'))[0]!.version;
    const before = await version();
    stand.restrictions = [{ id: 'r1', subject: 'user-2', sinceMs: Date.now() }];
    await stand.move('retention.restriction.placed');
    expect(await version()).not.toBe(before);
    await stand.sweeper().sweep();
    expect(await left()).toEqual(['s004000', 's004003']);
    stand.restrictions = [];
    await stand.sweeper().sweep();
    expect(await left()).toEqual([]);
  });

  it('of more persons than an order names keeps all ranges of a ledger, which is told; of as many as it names keeps only theirs', async () => {
    await stand.record(events(6));
    const restricted = (count: number) => Array.from({ length: count }, (_, n) => ({ id: `r${String(n)}`, subject: n === 0 ? 'user-1' : `nobody-${String(n)}`, sinceMs: Date.now() }));
    stand.restrictions = restricted(ORDER_EXCEPT_MAX + 1);
    expect([(await stand.sweeper().sweep()).items, stand.overheld]).toEqual([0, 1]);
    stand.restrictions = restricted(ORDER_EXCEPT_MAX);
    const { items } = await stand.sweeper().sweep();
    expect([items > 0, stand.overheld]).toEqual([true, 0]);
    stand.restrictions = [];
    expect((await stand.sweeper().sweep()).items).toBeGreaterThan(0);
  });
});

describe('a policy', () => {
  it('that changes during a sweep counts from then on: what it keeps is not ordered any more', async () => {
    stand.holds = [];
    await stand.sql('identity', 'DELETE FROM sessions');
    await sessions(5_000, 60, 40);
    const types = [{ type: 'session', holder: 'identity', clock: 'closed', actions: ['delete'], classes: ['security'], orderMax: 5, isRange: false }] as const;
    const before = (await orders()).length;
    // Twenty orders a second: the change comes in between.
    const sweeping = stand.sweeper({ types: async () => types, ordersPerSecondMax: 20 }).sweep();
    await until(async () => (await orders()).length >= before + 3);
    stand.policies = [{ id: 'keep', version: 1, type: 'session', keep: 'for-ever' }];
    await stand.move('retention.policy.changed');
    const since = (await orders()).length;
    await sweeping;
    expect((await orders()).length).toBe(since);
    const after = (await orders()).slice(before);
    expect(after.every(({ state }) => state === 'executed')).toBe(true);
    expect((await left()).length).toBe(60 - after.flatMap(({ outcome }) => outcome.done ?? []).length);
    expect((await left()).length).toBeGreaterThan(0);
  });
});

describe('the ledger', () => {
  it('takes a statement back that it finds after a crash, with nobody asking', async () => {
    const orderId = randomUUID();
    const statement = { ...events(1)[0]!, source: 'ledger', type: 'ledger.parts.destruction-ordered', data: { order: orderId, parts: ['data'], types: ['shop.order.placed'], ranges: [[0, 1]] } };
    await stand.sql('ledger', `INSERT INTO part_statements (order_id, ledger_id, event, expires_at) SELECT $1, ledger_id, $2, now() - interval '1 second' FROM ledgers WHERE tenant = 'acme'`, [orderId, statement]);
    await until(async () => (await stand.sql('ledger', 'SELECT FROM part_statements')).length === 0);
    const [taken] = await stand.sql<{ entry: string }>('ledger', `SELECT encode(entry, 'escape') AS entry FROM entries WHERE encode(entry, 'escape') LIKE '%"id":"' || $1 || '"%'`, [orderId]);
    expect(taken!.entry).toContain('"type":"ledger.parts.destruction-recalled"');
    expect(await stand.sql('ledger', 'SELECT state FROM retention_orders WHERE order_id = $1', [orderId])).toEqual([{ state: 'expired' }]);
  });
});

describe('sign-in records and refused events', () => {
  it('are swept by their policies, each certified; what is not due stays', async () => {
    stand.policies = [
      { id: 'devices', version: 1, type: 'sign-in-device', dispose: { after: { days: 180 }, action: 'delete' } },
      { id: 'refused', version: 1, type: 'quarantined-event', dispose: { after: { days: 30 }, action: 'delete' } },
    ];
    await stand.sql('identity', `INSERT INTO devices (token_hash, user_id, known_at) SELECT rpad('d' || n, 43, '-'), 'user-' || n, now() - n * interval '100 days' FROM generate_series(1, 3) n`);
    // Both refused, one of them long ago.
    for (const id of ['none', 'neither']) await publishIntake(stand.services, 'intake.shop.acme', JSON.stringify([{ ...events(1)[0]!, id }]), { timeoutMs: 5_000 });
    const refused = () => stand.sql<{ id: string }>('ledger', `SELECT quarantine_id AS id FROM quarantine WHERE tenant = 'acme' ORDER BY 1`);
    await until(async () => (await refused()).length === 2);
    const [old, young] = await refused();
    await stand.sql('ledger', `BEGIN; SET LOCAL session_replication_role = replica; UPDATE quarantine SET received_at = now() - interval '31 days' WHERE quarantine_id = ${old!.id}; COMMIT`);
    const before = (await orders()).length;
    expect(await stand.sweeper().sweep()).toMatchObject({ resources: 3, failures: 0 });
    expect(await refused()).toEqual([young]);
    expect(await stand.sql('identity', 'SELECT user_id FROM devices')).toEqual([{ user_id: 'user-1' }]);
    const given = (await orders()).slice(before);
    expect(given.map(({ certificate }) => deletionStatementSchema.parse(verifyCertificate(certificate!, [stand.vkey!]).statement).type).sort()).toEqual(['quarantined-event', 'sign-in-device']);
  });
});

describe('an owner that does not answer', () => {
  it('gets one order of each organisation, not all of them, and the next sweep settles it', async () => {
    stand.policies = [{ id: 'sessions', version: 3, type: 'session', dispose: { after: { days: 30 }, action: 'delete' } }];
    await sessions(7_000, 40, 40);
    const types = [{ type: 'session', holder: 'identity', clock: 'closed', actions: ['delete'], classes: ['security'], orderMax: 5, isRange: false }] as const;
    const deaf = { execute: () => Promise.reject(new HolderFault('HOLDER_UNAVAILABLE', 'away')) };
    const open = async (): Promise<number> => (await orders()).filter(({ state }) => state === 'open').length;
    expect(await stand.sweeper({ types: async () => types, settling: deaf as never }).sweep()).toMatchObject({ failures: 1, resources: 0 });
    expect(await open()).toBe(1);
    await stand.sweeper({ types: async () => types }).sweep();
    expect(await open()).toBe(0);
    expect((await left()).filter((id) => id >= 's007000')).toEqual([]);
  });
});

describe('open orders', () => {
  it('are all found, however many there are, the oldest first', async () => {
    await stand.sql('retention', `INSERT INTO deletion_orders (order_id, tenant, holder, type, data_class, state, request, resources, rule, ordered_at)
      SELECT 'open-' || lpad(n::text, 4, '0'), 'acme', 'identity', 'session', 'security', 'open', json_build_object('orderId', 'open-' || lpad(n::text, 4, '0')), '[]', '{}', now() - interval '1 hour' + (n / 3) * interval '1 second'
      FROM generate_series(0, 249) AS n`);
    const found: string[] = [];
    for await (const { order } of new OrderRows(stand.pool).open()) found.push(order.orderId);
    expect(found).toEqual(Array.from({ length: 250 }, (_, n) => `open-${String(n).padStart(4, '0')}`));
    await stand.sql('retention', `DELETE FROM deletion_orders WHERE order_id LIKE 'open-%'`);
  });
});

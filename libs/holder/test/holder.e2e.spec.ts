import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { HeldOrderInput, OrderOutcome } from '@countersign/contracts';
import { orderOf, startStand, type Stand } from './stand.js';

let stand: Stand;
beforeAll(async () => {
  stand = await startStand();
});
afterAll(() => stand.stop());
beforeEach(async () => {
  stand.things.meanwhile = () => Promise.resolve();
  stand.things.before = () => Promise.resolve();
  await stand.owner.query('TRUNCATE things, retention_orders');
  await stand.owner.query(`INSERT INTO things (id) SELECT 't' || lpad(n::text, 3, '0') FROM generate_series(1, 20) n`);
});

const execute = (order: HeldOrderInput): Promise<OrderOutcome> => stand.client.ask('things', 'held-execute', order);
const recall = (orderId: string): Promise<OrderOutcome> => stand.client.ask('things', 'held-recall', { orderId });
const left = async (): Promise<number> => Number((await stand.owner.query<{ n: string }>('SELECT count(*) AS n FROM things')).rows[0]!.n);

async function codeOf(action: Promise<unknown>): Promise<unknown> {
  try {
    await action;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  throw new Error('did not reject');
}

/** Something that a test opens by hand. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe('a list', () => {
  it('goes over everything in pages', async () => {
    const ids: string[] = [];
    for (let after: string | undefined; ; ) {
      const { resources, next } = await stand.client.ask('things', 'held-list', { type: 'thing', limit: 7, after });
      ids.push(...resources.map(({ id }) => id));
      if (next === undefined) break;
      after = next;
    }
    expect(ids).toHaveLength(20);
    expect(new Set(ids).size).toBe(20);
  });

  it('is of what is held', async () => {
    expect(await codeOf(stand.client.ask('things', 'held-list', { type: 'other', limit: 1 }))).toBe('TYPE_UNKNOWN');
  });
});

describe('an order', () => {
  it('is carried out once, and answered alike for ever', async () => {
    const first = await execute(orderOf('o1', ['t001', 't002', 'gone']));
    expect(first).toMatchObject({ state: 'executed', done: ['t001', 't002'], items: 2 });
    await stand.owner.query(`INSERT INTO things (id) VALUES ('t001')`);
    expect(await execute(orderOf('o1', ['t001', 't002', 'gone']))).toEqual(first);
    expect(await left()).toBe(19);
  });

  it('is the same for whoever asks at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => execute(orderOf('o1', ['t003']))));
    expect(new Set(outcomes.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ state: 'executed', done: ['t003'] });
  });

  it.each([
    ['ORDER_ID_REUSED', 'other resources under its id', orderOf('o1', ['t002'])],
    ['TYPE_UNKNOWN', 'a type that is not held', orderOf('o2', ['t001'], { type: 'other' })],
    ['ACTION_UNKNOWN', 'an action that is not offered', orderOf('o2', ['t001'], { action: 'scrub' })],
    ['REQUEST_MALFORMED', 'no resource', orderOf('o2', [])],
  ])('is refused with %s for %s', async (code, _what, order) => {
    await execute(orderOf('o1', ['t001']));
    expect(await codeOf(execute(order))).toBe(code);
    expect(await left()).toBe(19);
  });

  it('is void when its time is over, also when it is sent again with more', async () => {
    const late = { expiresAt: '2020-01-01T00:00:00.000Z' };
    expect(await execute(orderOf('o1', ['t001'], late))).toMatchObject({ state: 'expired' });
    expect(await execute(orderOf('o1', ['t001']))).toMatchObject({ state: 'expired' });
    expect(await left()).toBe(20);
  });

  it('that its holder has found to be over is void for whoever sends it, and stays what it was when it had been carried out', async () => {
    const expired = await stand.orders.expire('o1');
    expect(expired).toMatchObject({ state: 'expired' });
    expect(await execute(orderOf('o1', ['t001']))).toEqual(expired);
    const executed = await execute(orderOf('o2', ['t002']));
    expect(await stand.orders.expire('o2')).toEqual(executed);
    expect(await left()).toBe(19);
  });

  it('is not carried out by a transaction that outlasts its time', async () => {
    const { rows } = await stand.owner.query<{ at: Date }>(`SELECT now() + interval '400 milliseconds' AS at`);
    stand.things.meanwhile = () => new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await codeOf(execute(orderOf('o1', ['t001'], { expiresAt: rows[0]!.at.toISOString() })))).toBe('HOLDER_UNAVAILABLE');
    expect(await left()).toBe(20);
    expect(await execute(orderOf('o1', ['t001'], { expiresAt: rows[0]!.at.toISOString() }))).toMatchObject({ state: 'expired' });
  });
});

describe('whoever asks', () => {
  it('waits for nothing once it ends, and an order goes on for whoever asks again', async () => {
    const [started, carryOut] = [gate(), gate()];
    stand.things.meanwhile = () => {
      started.open();
      return carryOut.opened;
    };
    const ending = stand.anotherClient();
    const asked = codeOf(ending.ask('things', 'held-execute', orderOf('o1', ['t001'])));
    await started.opened;
    ending.stop();
    expect(await asked).toBe('HOLDER_UNAVAILABLE');
    expect(await codeOf(ending.ask('things', 'held-list', { type: 'thing', limit: 1 }))).toBe('HOLDER_UNAVAILABLE');
    carryOut.open();
    expect(await execute(orderOf('o1', ['t001']))).toMatchObject({ state: 'executed', done: ['t001'] });
  });
});

describe('calling back', () => {
  it('before it arrives: it is never carried out', async () => {
    expect(await recall('o1')).toMatchObject({ state: 'recalled' });
    expect(await execute(orderOf('o1', ['t001']))).toMatchObject({ state: 'recalled' });
    expect(await left()).toBe(20);
  });

  it('after it was carried out: says what is gone', async () => {
    const done = await execute(orderOf('o1', ['t001']));
    expect(await recall('o1')).toEqual(done);
  });

  it('while it deletes: the first to commit wins, and both are told the same', async () => {
    const [deleting, recalled] = [gate(), gate()];
    stand.things.meanwhile = () => {
      deleting.open();
      return recalled.opened;
    };
    const executed = execute(orderOf('o1', ['t001', 't002']));
    await deleting.opened;
    const first = await recall('o1');
    recalled.open();
    expect(first).toMatchObject({ state: 'recalled' });
    expect(await executed).toEqual(first);
    expect(await left()).toBe(20);
  });

  it('many at once with what they call back: nothing is both', async () => {
    const ids = Array.from({ length: 20 }, (_, at) => `t${String(at + 1).padStart(3, '0')}`);
    const pairs = await Promise.all(ids.map((id, at) => Promise.all(at % 2 === 0 ? [execute(orderOf(id, [id])), recall(id)] : [recall(id), execute(orderOf(id, [id]))])));
    for (const [one, other] of pairs) expect(one).toEqual(other);
    const executed = pairs.filter(([one]) => one.state === 'executed').length;
    expect(await left()).toBe(20 - executed);
  });
});

describe('the database', () => {
  it('lets nobody change what became of an order', async () => {
    await execute(orderOf('o1', ['t001']));
    for (const sql of [`UPDATE retention_orders SET state = 'recalled'`, 'DELETE FROM retention_orders', 'TRUNCATE retention_orders']) {
      expect(await codeOf(stand.pool.query(sql))).toBe('42501');
    }
  });
});

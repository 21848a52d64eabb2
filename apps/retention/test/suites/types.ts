import { beforeAll, describe, expect, it } from '@jest/globals';
import { TYPES_MAX, type FetchedOrder, type RegisteredTypeView, type ReportedResource } from '@countersign/contracts';
import { wanted, type Browser, type BrowserAnswer } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import { found, type Person, type Stand } from '../fixture/stand.js';

/** Of the installation: over the organisation of other suites there is a hold on everything. */
const HERE = '/v1/retention';
const ELSEWHERE = '/v1/organizations/home/retention';
const NOTE = { service: 'crm', clock: 'created', actions: ['delete'], classes: ['content'] };
const OLD = '2020-01-01T00:00:00Z';
const notes = (from: number, count: number): ReportedResource[] => Array.from({ length: count }, (_, n) => ({ id: `n${String(from + n).padStart(4, '0')}`, class: 'content', subject: `customer-${String((from + n) % 2)}`, created: OLD }));

/** Types at the installation, as people and services meet them at the edge. */
class Types {
  private constructor(
    readonly stand: Stand,
    private readonly officer: Person,
  ) {}

  static async open(stand: Stand): Promise<Types> {
    return new Types(stand, await stand.person('privacy-officer'));
  }

  get admin(): Browser {
    return this.stand.admin.browser;
  }

  register(type: string, changes: object = {}): Promise<BrowserAnswer> {
    return this.admin.post(`${HERE}/types`, { type, ...NOTE, ...changes });
  }

  report(type: string, resources: readonly ReportedResource[], removed: readonly string[] = []): Promise<BrowserAnswer> {
    return this.admin.post(`${HERE}/types/${type}/resources`, { resources, removed });
  }

  async fetchOrders(type: string): Promise<FetchedOrder[]> {
    return wanted(await this.admin.post(`${HERE}/types/${type}/orders`, {}), 200).json['orders'] as FetchedOrder[];
  }

  fetched(type: string): Promise<FetchedOrder> {
    return found(`an order for ${type}`, async () => (await this.fetchOrders(type))[0]);
  }

  confirm(type: string, orderId: string, gone: readonly string[]): Promise<BrowserAnswer> {
    return this.admin.post(`${HERE}/types/${type}/orders/${orderId}/confirm`, { gone });
  }

  async listed(type: string): Promise<RegisteredTypeView | undefined> {
    return (wanted(await this.admin.get(`${HERE}/types`), 200).json['types'] as RegisteredTypeView[]).find((one) => one.type === type);
  }

  /** Things of a type go after a day. */
  async destroy(type: string): Promise<void> {
    const { proposalId } = wanted(await this.officer.browser.post(`${HERE}/policies`, { rule: { name: 'Notes', type, dispose: { after: { days: 1 }, action: 'delete' } }, reason: 'a test' }), 200).json as Record<string, string>;
    wanted(await this.admin.post(`${HERE}/proposals/${proposalId!}/approve`), 204);
  }

  sql<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return withClient(this.stand.stack.databaseUrl('retention'), async (client) => (await client.query<T>(text, values)).rows);
  }

  waiting(type: string): Promise<true> {
    return found(`an order waits for ${type}`, async () => ((await this.listed(type))!.unfetched > 0 ? true : undefined));
  }

  /** What the ledger has about one thing. */
  async onRecord(type: string, id: string): Promise<{ severity: string; actor: { id: string } }[]> {
    return (await this.stand.recorded(type)).map(({ entry }) => entry as unknown as { severity: string; actor: { id: string }; resource?: { id: string } }).filter(({ resource }) => resource?.id === id);
  }

  recorded(type: string, id: string): Promise<{ severity: string; actor: { id: string } }> {
    return found(`${type} is on record`, async () => (await this.onRecord(type, id))[0]);
  }
}

/** One a stand. */
const known = new WeakMap<Stand, Promise<Types>>();
function typesOf(stand: Stand): Promise<Types> {
  const types = known.get(stand) ?? Types.open(stand);
  known.set(stand, types);
  return types;
}

/** What is registered. */
export function typeSuite(open: () => Stand): void {
  let types: Types;
  beforeAll(async () => {
    types = await typesOf(open());
  }, 60_000);

  describe('a type of a service of one’s own', () => {
    it('is one of a hundred at most, also when two are registered at once', async () => {
      wanted(await types.admin.post('/v1/organizations', { organization: 'many', name: 'Many' }), 204);
      await types.sql(`INSERT INTO resource_types (type, tenant, service, way, holder, clock, actions, classes, order_max, registered_at)
        SELECT 'many.t' || n, 'many', 'crm', 'http', 'reported.many.crm', 'created', '{delete}', '{content}', 10, now() FROM generate_series(1, $1::int) n`, [TYPES_MAX - 1]);
      const answers = await Promise.all(['one', 'two'].map((name) => types.admin.post('/v1/organizations/many/retention/types', { type: `many.${name}`, ...NOTE })));
      expect(answers.map(({ status, json: { code } }) => [status, code]).sort()).toEqual([[200, undefined], [409, 'TYPES_TOO_MANY']]);
      await types.sql(`DELETE FROM resource_types WHERE type LIKE 'many.t%'`);
    });

    it('is registered under the name of its organisation, by one service for ever', async () => {
      wanted(await types.register('system.diary'), 200);
      expect(wanted(await types.register('system.diary'), 200).json).toEqual({ type: 'system.diary' });
      await types.recorded('retention.type.registered', 'system.diary');
      expect(await types.onRecord('retention.type.registered', 'system.diary')).toHaveLength(1);
      const refused = [await types.register('elsewhere.diary'), await types.register('session'), await types.register('system.diary', { service: 'other' })];
      expect(refused.map(({ status, json: { code } }) => [status, code])).toEqual([[422, 'TYPE_FOREIGN'], [422, 'TYPE_FOREIGN'], [409, 'TYPE_OWNER_FIXED']]);
      wanted(await types.register('system.diary', { clock: 'closed' }), 200);
      expect(await types.listed('system.diary')).toMatchObject({ service: 'crm', way: 'http', clock: 'closed', state: 'registered', resources: 0 });
      const asked = '?type=system.diary&id=d1&class=content&created=2020-01-01T00:00:00Z';
      await types.destroy('system.diary');
      // The clock of the type, that nobody named.
      expect(wanted(await types.admin.get(`${HERE}/explain${asked}`), 200).json).toMatchObject({ verdict: 'waiting', reasons: [{ code: 'CLOCK_NOT_STARTED' }] });
    });

    it('of another organisation is as unknown as one that never was', async () => {
      const codes = [await types.admin.post(`${ELSEWHERE}/types/system.diary/orders`, {}), await types.admin.post(`${ELSEWHERE}/types/system.diary/resources`, { removed: ['x'] }), await types.admin.post(`${ELSEWHERE}/types/system.diary/withdraw`, { reason: 'a test' })];
      expect(codes.map(({ status, json: { code } }) => [status, code])).toEqual([[404, 'TYPE_UNKNOWN'], [404, 'TYPE_UNKNOWN'], [404, 'TYPE_UNKNOWN']]);
      expect((wanted(await types.admin.get(`${ELSEWHERE}/types`), 200).json['types'] as RegisteredTypeView[]).map(({ type }) => type)).toEqual([]);
    });

    it('withdrawn is reported and ordered no more', async () => {
      wanted(await types.register('system.draft'), 200);
      wanted(await types.admin.post(`${HERE}/types/system.draft/withdraw`, { reason: 'a test' }), 204);
      expect([(await types.report('system.draft', notes(0, 1))).json.code, (await types.listed('system.draft'))?.state]).toEqual(['TYPE_UNKNOWN', 'withdrawn']);
    });
  });
}

/** What a service over HTTP reports and fetches. */
export function reportSuite(open: () => Stand): void {
  let types: Types;
  beforeAll(async () => {
    types = await typesOf(open());
  }, 60_000);

  describe('a service over HTTP', () => {
    it('reports what it holds, again and again, and is counted once', async () => {
      wanted(await types.register('system.note'), 200);
      expect(wanted(await types.report('system.note', notes(0, 20)), 200).json).toEqual({ reported: 20, removed: 0 });
      wanted(await types.report('system.note', notes(10, 20), ['n0000', 'gone']), 200);
      expect((await types.listed('system.note'))?.resources).toBe(29);
      const refused = [await types.report('system.note', [{ ...notes(0, 1)[0]!, class: 'legal' }]), await types.report('system.note', [...notes(0, 1), ...notes(0, 1)]), await types.report('system.note', notes(0, 201))];
      expect(refused.map(({ json: { code } }) => code)).toEqual(['CLASS_NOT_OF_TYPE', 'REQUEST_MALFORMED', 'REQUEST_INVALID']);
    });

    it('fetches what is due, says what is gone, and the certificate says so too', async () => {
      await types.destroy('system.note');
      const order = await types.fetched('system.note');
      expect(order).toMatchObject({ action: 'delete', resources: notes(1, 29).map(({ id }) => id) });
      expect((await types.fetchOrders('system.note')).map(({ orderId }) => orderId)).toEqual([order.orderId]);
      expect((await types.confirm('system.note', order.orderId, ['another'])).json.code).toBe('REQUEST_MALFORMED');
      const gone = order.resources.slice(0, 20);
      const said = wanted(await types.confirm('system.note', order.orderId, gone), 200).json as { gone: number; wasRecalled: boolean; certificate: string };
      expect(said).toMatchObject({ gone: 20, wasRecalled: false });
      expect(said.certificate).toContain('system.note');
      expect(wanted(await types.confirm('system.note', order.orderId, gone), 200).json).toEqual(said);
      expect((await types.confirm('system.note', order.orderId, [])).json.code).toBe('ORDER_SETTLED');
      expect((await types.listed('system.note'))?.resources).toBe(9);
      expect(await types.recorded('retention.deletion.executed', order.orderId)).toMatchObject({ severity: 'notice', actor: { id: types.stand.admin.account.userId } });
    });

    it('is ordered anew what it did not delete, and may refuse', async () => {
      const order = await types.fetched('system.note');
      expect(order.resources).toHaveLength(9);
      wanted(await types.admin.post(`${HERE}/types/system.note/orders/${order.orderId}/refuse`, { reason: 'a test' }), 204);
      expect((await types.confirm('system.note', order.orderId, [])).json.code).toBe('ORDER_SETTLED');
      expect((await types.admin.post(`${HERE}/types/system.note/orders/nothing/refuse`, { reason: 'a test' })).json.code).toBe('ORDER_UNKNOWN');
    });
  });
}

/** What a service over HTTP has fetched when a hold comes, or its time is over. */
export function lateSuite(open: () => Stand): void {
  let types: Types;
  beforeAll(async () => {
    types = await typesOf(open());
  }, 60_000);

  describe('a service over HTTP', () => {
    it('gets no order that a hold has called back, and who has it already is known to have it', async () => {
      wanted(await types.register('system.mail'), 200);
      wanted(await types.report('system.mail', notes(0, 4)), 200);
      await types.destroy('system.mail');
      await types.waiting('system.mail');
      const place = async (subjects: string[]) => wanted(await types.admin.post(`${HERE}/holds`, { matter: 'm', scope: { subjects, types: ['system.mail'] }, reason: 'r' }), 201).json as { holdId: string; undecided?: { order: string; voidAt: string }[] };
      // Nobody has fetched it: it is over at once, and what is still due is ordered alone.
      expect((await place(['customer-0'])).undecided).toBeUndefined();
      const order = await types.fetched('system.mail');
      expect(order.resources).toEqual(['n0001', 'n0003']);
      const { undecided } = await place(['customer-1']);
      expect(undecided).toEqual([{ order: order.orderId, type: 'system.mail', resources: 2, voidAt: new Date(Date.parse(order.expiresAt) + 10_000).toISOString() }]);
      expect(await types.fetchOrders('system.mail')).toEqual([]);
      expect(wanted(await types.confirm('system.mail', order.orderId, ['n0001']), 200).json).toMatchObject({ gone: 1, wasRecalled: true });
      expect((await types.recorded('retention.deletion.executed', order.orderId)).severity).toBe('alert');
    });

    it('is refused when it confirms too late, and that is on record', async () => {
      wanted(await types.register('system.call'), 200);
      wanted(await types.report('system.call', notes(0, 2)), 200);
      await types.destroy('system.call');
      const { orderId, resources } = await types.fetched('system.call');
      // As it is when the time is over, which the events of the order say and not the table.
      await types.sql(`UPDATE events SET event = replace(event, '"until":"20', '"until":"19') WHERE stream = $1 AND type = 'retention.deletion.handed-out'`, [`deletion/${orderId}`]);
      await types.sql('UPDATE deletion_orders SET fetched_until = now() WHERE order_id = $1', [orderId]);
      const late = [await types.confirm('system.call', orderId, resources), await types.confirm('system.call', orderId, resources)];
      expect(late.map(({ status, json: { code } }) => [status, code])).toEqual([[410, 'ORDER_EXPIRED'], [410, 'ORDER_EXPIRED']]);
      await found('it has expired, and is given again', async () => ((await types.fetchOrders('system.call'))[0] !== undefined ? true : undefined));
      expect((await types.recorded('retention.deletion.confirmed-late', orderId)).severity).toBe('warning');
      expect(await types.onRecord('retention.deletion.confirmed-late', orderId)).toHaveLength(1);
    });
  });
}

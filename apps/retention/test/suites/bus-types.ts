import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, type BusConnection } from '@countersign/bus';
import { deletionStatementSchema, type HeldOrder, type HeldResource, type HolderTypeRequest } from '@countersign/contracts';
import { wanted } from '@countersign/devstack';
import { HolderResponder, Orders, registerType, retentionOrdersMigrationSql, type Holder } from '@countersign/holder';
import { createPool, withClient, type Pool, type PoolClient } from '@countersign/postgres';
import { found, type Stand } from '../fixture/stand.js';

const TYPE = 'system.ring';
const DESCRIPTION: HolderTypeRequest = { type: TYPE, clock: 'created', actions: ['delete'], classes: ['content'] };
/** For each holder that the bus knows in tests. */
export const HOLDERS = [{ tenant: 'system', service: 'voice' }, { tenant: 'home', service: 'voice' }] as const;

/** A service with a table of calls, as libs/holder has it take part. */
class Calls implements Holder {
  readonly types = { [TYPE]: ['delete'] } as const;

  constructor(private readonly pool: Pool) {}

  async list(): Promise<{ resources: HeldResource[] }> {
    const { rows } = await this.pool.query<{ id: string; created: Date }>('SELECT id, created FROM calls ORDER BY id');
    return { resources: rows.map(({ id, created }) => ({ type: TYPE, id, tenant: 'system', class: 'content', created: created.toISOString() })) };
  }

  async carryOut(client: PoolClient, { resources }: HeldOrder): Promise<{ done: string[] }> {
    return { done: (await client.query<{ id: string }>('DELETE FROM calls WHERE id = ANY ($1) RETURNING id', [resources])).rows.map(({ id }) => id) };
  }
}

/** A service on NATS, with its own account. */
export function busTypeSuite(open: () => Stand): void {
  describe('a service on NATS', () => {
    let stand: Stand;
    let own: BusConnection;
    let other: BusConnection;
    let pool: Pool;
    let responder: HolderResponder;
    beforeAll(async () => {
      stand = open();
      const [ours, theirs] = await Promise.all(HOLDERS.map((name) => connectBus({ url: stand.stack.nats.url, nkeySeedFile: stand.stack.nats.holderSeedFile(name), name: `${name.tenant}.${name.service}` })));
      [own, other] = [ours!, theirs!];
      const url = await stand.stack.createDatabase('voice');
      await withClient(url, (client) => client.query(`CREATE ROLE voice; ${retentionOrdersMigrationSql('voice')} CREATE TABLE calls (id text PRIMARY KEY, created timestamptz NOT NULL); INSERT INTO calls VALUES ('old-1', '2020-01-01Z'), ('old-2', '2020-01-01Z'), ('young', now())`));
      pool = createPool({ url, max: 4, applicationName: 'voice' });
      const calls = new Calls(pool);
      responder = new HolderResponder({ bus: own, service: 'system.voice', holder: calls, orders: new Orders(pool, calls), onError: () => undefined });
      await responder.start();
    }, 60_000);
    afterAll(async () => {
      await responder.stop();
      await Promise.all([own.close(), other.close()]);
      await pool.end();
    });

    it('registers its type, answers retention itself, and what is due is gone with a certificate', async () => {
      await registerType(own, 'system', 'voice', DESCRIPTION);
      await registerType(own, 'system', 'voice', DESCRIPTION);
      const officer = await stand.person('privacy-officer');
      const { proposalId } = wanted(await officer.browser.post('/v1/retention/policies', { rule: { name: 'Calls', type: TYPE, dispose: { after: { days: 1 }, action: 'delete' } }, reason: 'a test' }), 200).json as Record<string, string>;
      wanted(await stand.admin.browser.post(`/v1/retention/proposals/${proposalId!}/approve`), 204);
      const row = await found('the order is settled', async () => {
        const rows = await withClient(stand.stack.databaseUrl('retention'), async (client) => (await client.query<{ holder: string; certificate: string }>(`SELECT holder, certificate FROM deletion_orders WHERE type = $1 AND state = 'executed'`, [TYPE])).rows);
        return rows[0];
      });
      expect(row.holder).toBe('system.voice');
      expect(deletionStatementSchema.parse(JSON.parse(row.certificate.split('\n')[2]!))).toMatchObject({ holder: 'system.voice', type: TYPE, resources: 2 });
      expect((await pool.query('SELECT id FROM calls')).rows).toEqual([{ id: 'young' }]);
      // Its resources are its own to tell.
      expect((await stand.admin.browser.post(`/v1/retention/types/${TYPE}/resources`, { removed: ['young'] })).json.code).toBe('TYPE_UNKNOWN');
    });

    it('has no other names than its own', async () => {
      await expect(registerType(own, 'home', 'voice', { ...DESCRIPTION, type: 'home.ring' })).rejects.toMatchObject({ code: 'RETENTION_UNAVAILABLE' });
      await expect(registerType(other, 'home', 'voice', DESCRIPTION)).rejects.toMatchObject({ code: 'TYPE_FOREIGN' });
      for (const subject of ['retention.type-list.edge', 'holders.system.voice.held-list', 'identity.principal.edge', 'ledger.held-list', 'intake.voice.home']) await expect(other.request(subject, '{}', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: expect.stringMatching(/^(FORBIDDEN|NO_RESPONDERS)$/) });
    });
  });
}

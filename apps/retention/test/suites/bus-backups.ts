import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ArchiveHolder, archiveKey, backupType, closeBackups, EMPTY_CATALOGUE, KEEP_RULES_DEFAULT, pruneBackups, readCatalogue, takeBackup, writeCatalogue, type Backup } from '@countersign/backup';
import { connectBus, type BusConnection } from '@countersign/bus';
import { deletionStatementSchema } from '@countersign/contracts';
import { wanted } from '@countersign/devstack';
import { FolderStore } from '@countersign/files';
import { HolderResponder, registerType } from '@countersign/holder';
import { withClient } from '@countersign/postgres';
import { found, type Stand } from '../fixture/stand.js';

const [TENANT, SERVICE] = ['system', 'backup'];
const NAME = `${TENANT}.${SERVICE}`;
const BACKUP_TYPE = backupType(TENANT);

/** Backups of the stand's own server, whose archive answers retention as `countersign backup serve` has it do. */
export function busBackupsSuite(open: () => Stand): void {
  describe('backups', () => {
    let stand: Stand;
    let bus: BusConnection;
    let responder: HolderResponder;
    let archive: { readonly stores: FolderStore[]; readonly key: ReturnType<typeof archiveKey>; readonly serverUrl: string };
    let folder: string;
    beforeAll(async () => {
      stand = open();
      folder = join(stand.stack.stateDir, 'archive');
      mkdirSync(folder);
      archive = { stores: [new FolderStore(folder)], key: archiveKey(randomBytes(32)), serverUrl: stand.stack.databaseUrl('postgres') };
      await writeCatalogue(archive.stores, archive.key, EMPTY_CATALOGUE);
      bus = await connectBus({ url: stand.stack.nats.url, nkeySeedFile: stand.stack.nats.users.backup, name: NAME });
      const holder = new ArchiveHolder({ ...archive, tenant: TENANT, now: () => new Date() });
      responder = new HolderResponder({ bus, service: NAME, holder, orders: holder, onError: () => undefined });
      await responder.start();
    }, 60_000);
    afterAll(async () => {
      await responder.stop();
      await bus.close();
    });

    const take = (): Promise<Backup> => takeBackup({ ...archive, checkpoints: async () => [], now: () => new Date(), onProgress: () => undefined });
    const listed = async (): Promise<string[]> => (await readCatalogue(archive.stores[0]!, archive.key)).backups.map(({ id }) => id);

    it('go as soon as no rule keeps them, by an order with a certificate; one that a hold covers stays, whoever prunes', async () => {
      const held = await take();
      const due = await take();
      const newest = await take();
      const rule = { name: 'Backups', type: BACKUP_TYPE.type, dispose: { after: { days: 0 }, action: 'delete' } };
      expect((wanted(await stand.admin.browser.get('/v1/retention/policies'), 200).json as { policies?: unknown }).policies).toContainEqual(expect.objectContaining({ policyId: 'default-backup', rule: expect.objectContaining({ type: rule.type, dispose: rule.dispose }) }));
      wanted(await stand.admin.browser.post('/v1/retention/holds', { matter: 'Case 9', scope: { resources: [{ type: BACKUP_TYPE.type, id: held.id }] }, reason: 'a claim' }), 201);
      expect((await closeBackups({ ...archive, rules: KEEP_RULES_DEFAULT, now: new Date() })).toSorted()).toEqual([held.id, due.id].toSorted());
      await registerType(bus, TENANT, SERVICE, BACKUP_TYPE);
      await found('the backup is gone', async () => ((await listed()).includes(due.id) ? undefined : true));
      expect((await listed()).toSorted()).toEqual([held.id, newest.id].toSorted());
      const row = await found('the order is settled', async () => (await withClient(stand.stack.databaseUrl('retention'), (client) => client.query<{ certificate: string }>(`SELECT certificate FROM deletion_orders WHERE type = $1 AND state = 'executed'`, [BACKUP_TYPE.type]))).rows[0]);
      expect(deletionStatementSchema.parse(JSON.parse(row.certificate.split('\n')[2]!))).toMatchObject({ holder: NAME, type: BACKUP_TYPE.type, resources: 1 });
      expect([due, held].map(({ data, manifest }) => [data, manifest].map(({ name }) => existsSync(join(folder, name))))).toEqual([[false, false], [true, true]]);
      await expect(pruneBackups({ ...archive, rules: KEEP_RULES_DEFAULT, isDryRun: false })).rejects.toMatchObject({ code: 'BACKUP_GOVERNED' });
      expect((await pruneBackups({ ...archive, rules: KEEP_RULES_DEFAULT, isDryRun: true })).removed).toEqual([held.id]);
    });
  });
}

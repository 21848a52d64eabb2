import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ArchiveHolder, archiveKey, backupType, closeBackups, EMPTY_CATALOGUE, KEEP_RULES_DEFAULT, pruneBackups, readCatalogue, writeCatalogue, writeObject, type Backup, type Catalogue } from '@countersign/backup';
import type { HeldOrder } from '@countersign/contracts';
import { startTestStack, type Devstack } from '@countersign/devstack';
import { FolderStore } from '@countersign/files';
import { withClient } from '@countersign/postgres';

const BACKUP_TYPE = backupType('system');
const KEY = archiveKey(randomBytes(32));
const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-03-02T03:00:00.000Z');
const LATER = '2100-01-01T00:00:00.000Z';

let stack: Devstack;
beforeAll(async () => {
  stack = await startTestStack({});
});
afterAll(() => stack.stop());

describe('an archive that retention decides on', () => {
  let folder: string;
  let archive: { readonly stores: FolderStore[]; readonly key: typeof KEY; readonly serverUrl: string };
  let holder: ArchiveHolder;
  let round = 0;
  beforeEach(async () => {
    folder = join(stack.stateDir, `archive-${String(++round)}`);
    for (const copy of ['', '-copy']) mkdirSync(folder + copy);
    archive = { stores: [new FolderStore(folder), new FolderStore(`${folder}-copy`)], key: KEY, serverUrl: stack.databaseUrl('postgres') };
    holder = new ArchiveHolder({ ...archive, tenant: 'system', now: () => new Date() });
    const backups: Backup[] = [];
    for (let day = 0; day < 10; day++) backups.push(await backupOf(day));
    await writeCatalogue(archive.stores, KEY, { ...EMPTY_CATALOGUE, backups });
  });

  /** Small in the place of a whole server. */
  async function backupOf(day: number): Promise<Backup> {
    const id = `day-${String(day)}`;
    const object = (name: string) => writeObject(archive.stores, KEY, name, (async function* () { yield Buffer.from(name); })());
    const takenAt = new Date(START_MS + day * DAY_MS).toISOString();
    return { id, takenAt, data: await object(`base-${id}`), manifest: await object(`base-${id}-manifest`) } as Partial<Backup> as Backup;
  }

  const order = (orderId: string, resources: string[], changes: Partial<HeldOrder> = {}): HeldOrder => ({ orderId, tenant: 'system', type: BACKUP_TYPE.type, action: 'delete', resources, except: [], policyVersion: 1, orderedAt: '2026-03-20T00:00:00.000Z', expiresAt: LATER, ...changes });
  const read = (): Promise<Catalogue> => readCatalogue(archive.stores[0]!, KEY);
  const close = () => closeBackups({ ...archive, rules: { ...KEEP_RULES_DEFAULT, weekly: 0, monthly: 0 }, now: new Date(START_MS + 10 * DAY_MS) });
  const isThere = (id: string): boolean[] => ['', '-copy'].flatMap((copy) => [`base-${id}`, `base-${id}-manifest`].map((name) => existsSync(join(folder + copy, name))));

  it('closes what no rule keeps, once, and lists all of it in pages', async () => {
    expect((await close()).toSorted()).toEqual(['day-0', 'day-1', 'day-2']);
    expect(await close()).toEqual([]);
    const { resources, next } = await holder.list({ type: BACKUP_TYPE.type, limit: 4, except: [] });
    expect(resources.map(({ id, created, closed }) => [id, created, closed])).toEqual([0, 1, 2, 3].map((day) => [`day-${String(day)}`, new Date(START_MS + day * DAY_MS).toISOString(), day < 3 ? '2026-03-12T03:00:00.000Z' : undefined]));
    expect(next).toBe('day-3');
    const rest = await holder.list({ type: BACKUP_TYPE.type, limit: 100, after: next!, except: [] });
    expect([rest.resources.length, rest.next]).toEqual([6, undefined]);
  });

  it('destroys by an order what is closed, in every copy, and says the same again; what a rule keeps stays', async () => {
    await close();
    const outcome = await holder.execute(order('one', ['day-1', 'day-5', 'day-99']));
    expect(outcome).toMatchObject({ state: 'executed', done: ['day-1'], items: 1 });
    expect(isThere('day-1')).toEqual([false, false, false, false]);
    expect(isThere('day-5')).toEqual([true, true, true, true]);
    expect(await holder.execute(order('one', ['day-1', 'day-5', 'day-99']))).toEqual(outcome);
    expect(await holder.recall('one')).toEqual(outcome);
    await expect(holder.execute(order('one', ['day-2']))).rejects.toMatchObject({ code: 'ORDER_ID_REUSED' });
  });

  it('does nothing by an order that was called back before, or comes too late', async () => {
    await close();
    expect(await holder.recall('two')).toMatchObject({ state: 'recalled' });
    expect(await holder.execute(order('two', ['day-0']))).toMatchObject({ state: 'recalled' });
    expect(await holder.execute(order('three', ['day-0'], { expiresAt: '2026-03-20T00:00:01.000Z' }))).toMatchObject({ state: 'expired' });
    expect(isThere('day-0')).toEqual([true, true, true, true]);
  });

  it.each([
    ['another type', { type: 'system.other' }, 'TYPE_UNKNOWN'],
    ['another action', { action: 'shred' as const }, 'ACTION_UNKNOWN'],
  ])('refuses %s', async (_what, changes, code) => {
    await expect(holder.execute(order('four', ['day-0'], changes))).rejects.toMatchObject({ code });
  });

  it('finishes what a crash has interrupted: what is decided is gone, and was done once', async () => {
    await close();
    const catalogue = await read();
    const going = catalogue.backups.filter(({ id }) => id === 'day-2');
    // As it is between the decision and the removal.
    await writeCatalogue(archive.stores, KEY, { ...catalogue, backups: catalogue.backups.filter(({ id }) => id !== 'day-2'), going: [{ orderId: 'five', digest: 'x', backups: going }] });
    await archive.stores[0]!.remove('base-day-2');
    await holder.resume();
    expect(isThere('day-2')).toEqual([false, false, false, false]);
    expect(await holder.recall('five')).toMatchObject({ state: 'executed', done: ['day-2'] });
  });

  it('asks to come again while a backup is under way', async () => {
    await withClient(archive.serverUrl, async (client) => {
      await client.query('SELECT pg_advisory_lock(7310582046)');
      await expect(holder.execute(order('six', ['day-0']))).rejects.toMatchObject({ code: 'HOLDER_UNAVAILABLE' });
    });
  });

  it('tells who prunes that he may not, and who only asks what would go, also while a backup is under way', async () => {
    const place = { ...archive, rules: { ...KEEP_RULES_DEFAULT, weekly: 0, monthly: 0 } };
    const asked = () => pruneBackups({ ...place, isDryRun: true });
    await withClient(archive.serverUrl, async (client) => {
      await client.query('SELECT pg_advisory_lock(7310582046)');
      await expect(pruneBackups({ ...place, isDryRun: false })).rejects.toMatchObject({ code: 'BACKUP_BUSY' });
      expect((await asked()).removed.toSorted()).toEqual(['day-0', 'day-1', 'day-2']);
    });
    await close();
    await withClient(archive.serverUrl, async (client) => {
      await client.query('SELECT pg_advisory_lock(7310582046)');
      await expect(pruneBackups({ ...place, isDryRun: false })).rejects.toMatchObject({ code: 'BACKUP_GOVERNED' });
      expect((await asked()).removed.toSorted()).toEqual(['day-0', 'day-1', 'day-2']);
    });
  });
});

import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { S3Store } from '@countersign/files';
import { startFauxqs, type FauxqsServer } from 'fauxqs';
import { audit } from './harness/audit.js';
import { Backups } from './harness/backup-server.js';
import { faultSuite } from './harness/fault-suite.js';
import type { Producer } from './harness/producer-process.js';
import type { ServiceProcess } from './harness/service-process.js';
import { until } from './harness/waiting.js';

const TENANT = 'kept';
const LIMIT_MS = 120_000;
const KILLS = 6;
const BUCKET = 'kept-elsewhere';
/** The copy, as an operator names it. */
const COPY = `s3://${BUCKET}/countersign`;

let ledger: ServiceProcess;
let backups: Backups;
let producer: Producer;
/** A store of another company. */
let s3: FauxqsServer | undefined;
afterAll(() => s3?.stop());

interface Restored {
  readonly recoverySeconds: { readonly total: number };
  readonly recoveryPointSeconds: number;
  readonly logPieces: number;
  readonly ledgers: readonly { readonly tenant: string; readonly treeSize: number; readonly provedSize: number }[];
}

/** All that was recorded is signed. */
async function signed(): Promise<number> {
  let size = 0;
  await until('all is signed', LIMIT_MS, async () => {
    const answer = (await (await fetch(`${ledger.url}/ledgers/${TENANT}`)).json()) as { treeSize: number; checkpoint?: { treeSize: number } };
    size = answer.treeSize;
    return answer.checkpoint?.treeSize === answer.treeSize;
  });
  return size;
}

const baseOf = (id: string): string => join(backups.archive, `base-${id}`);

faultSuite(
  'backups',
  async (stand) => {
    ledger = await stand.addLedger('one');
    await ledger.start();
    s3 ??= await startFauxqs({ port: 0, logger: false });
    s3.createBucket(BUCKET);
    const credential = join(stand.folder, 's3-credential');
    writeFileSync(credential, 'test', { mode: 0o600 });
    backups = new Backups(stand, ledger, { COUNTERSIGN_BACKUP_COPY: COPY, COUNTERSIGN_BACKUP_S3_ENDPOINT: `http://127.0.0.1:${String(s3.port)}`, COUNTERSIGN_BACKUP_S3_ACCESS_KEY_ID_FILE: credential, COUNTERSIGN_BACKUP_S3_SECRET_ACCESS_KEY_FILE: credential });
    await backups.told(0, 'init');
    producer = stand.addProducer('backed', [TENANT]);
    await producer.start();
    await producer.emits(300);
    await backups.serve(2);
  },
  {
    'the database and its disk are destroyed: all that was receipted comes back, proved': async ({ stand }) => {
      await producer.emits(500);
      await producer.drain();
      const size = await signed();
      await backups.logArchived();
      await ledger.stop();
      const { dataDir } = stand.postgres;
      await stand.keys?.process.stop();
      await stand.postgres.kill('SIGKILL');
      rmSync(dataDir, { recursive: true });
      await backups.stopServing();
      const restored = await backups.told<Restored>(0, 'restore', '--data-dir', dataDir, '--ledger-state', join(stand.folder, 'state'));
      expect(restored.ledgers.find(({ tenant }) => tenant === TENANT)).toEqual({ tenant: TENANT, treeSize: size, provedSize: size });
      expect(restored.logPieces).toBeGreaterThan(0);
      process.stderr.write(`backups: recovery time ${String(restored.recoverySeconds.total)} s, recovery point ${String(restored.recoveryPointSeconds)} s before the restore, ${String(size)} entries proved\n`);
      await stand.restartPostgres();
      await stand.keys?.process.start();
      stand.keys?.process.keepRunning();
      await ledger.start();
      await producer.start();
      await producer.emits(50);
      await audit(stand, { tenants: [TENANT], producers: [producer] });
    },

    'what is put back lacks something that was signed: it does not get its name': async ({ stand }) => {
      const before = await backups.ids();
      await backups.serve(2);
      // The server that was put back begins another log, and that wants a backup of its own.
      await until('there is another backup', LIMIT_MS, async () => (await backups.ids())[0] !== before[0]);
      if (!producer.running) await producer.start();
      await producer.emits(100);
      await producer.drain();
      await signed();
      const dataDir = join(stand.folder, 'elsewhere');
      const { error } = await backups.told<{ error: { code: string } }>(2, 'restore', '--no-wal', '--data-dir', dataDir, '--ledger-state', join(stand.folder, 'state'));
      expect([error.code, existsSync(dataDir)]).toEqual(['RESTORE_BEHIND_CHECKPOINT', false]);
    },

    'one byte of a backup is changed, or the key is another: refused, each with its code': async ({ stand, dice }) => {
      const [id] = await backups.ids();
      const bytes = readFileSync(baseOf(id!));
      const at = 100 + Math.floor(dice.next() * (bytes.length - 100));
      const dataDir = join(stand.folder, 'tampered');
      const restore = (): Promise<{ error: { code: string } }> => backups.told(2, 'restore', '--data-dir', dataDir, '--ledger-state', join(stand.folder, 'state'));
      writeFileSync(baseOf(id!), Buffer.concat([bytes.subarray(0, at), Buffer.from([bytes[at]! ^ 1]), bytes.subarray(at + 1)]));
      expect((await restore()).error.code).toBe('BACKUP_NOT_AUTHENTIC');
      writeFileSync(baseOf(id!), bytes.subarray(0, at));
      expect((await restore()).error.code).toBe('BACKUP_NOT_AUTHENTIC');
      writeFileSync(baseOf(id!), bytes);
      const otherKey = join(stand.folder, 'other.key');
      writeFileSync(otherKey, Buffer.alloc(32, 7).toString('base64'), { mode: 0o600 });
      const { error } = await backups.told<{ error: { code: string } }>(4, 'restore', '--key-file', otherKey, '--data-dir', dataDir, '--ledger-state', join(stand.folder, 'state'));
      expect([error.code, existsSync(dataDir)]).toEqual(['BACKUP_KEY_WRONG', false]);
    },

    'the archive is lost with everything else: its copy in S3 restores, with the log, and is refused when a byte of it is changed': async ({ stand }) => {
      await producer.drain();
      const size = await signed();
      await backups.logArchived();
      const dataDir = join(stand.folder, 'from-s3');
      const restore = (code: number) => backups.told<Restored & { error: { code: string } }>(code, 'restore', '--archive', COPY, '--data-dir', dataDir, '--ledger-state', join(stand.folder, 'state'));
      const { ledgers, logPieces } = await restore(0);
      expect(ledgers.find(({ tenant }) => tenant === TENANT)).toEqual({ tenant: TENANT, treeSize: size, provedSize: size });
      expect(logPieces).toBeGreaterThan(0);
      rmSync(dataDir, { recursive: true });

      const [id] = await backups.ids();
      const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
      const store = new S3Store({ bucket: BUCKET, prefix: 'countersign/', region: 'us-east-1', endpoint: `http://127.0.0.1:${String(s3!.port)}`, credentials: () => credentials });
      const bytes = await store.read(`base-${id!}`, 0, Number.MAX_SAFE_INTEGER);
      const put = (content: Buffer) => store.put(`base-${id!}`, (async function* () { yield content; })());
      const at = bytes.length >> 1;
      await put(Buffer.concat([bytes.subarray(0, at), Buffer.from([bytes[at]! ^ 1]), bytes.subarray(at + 1)]));
      expect([(await restore(2)).error.code, existsSync(dataDir)]).toEqual(['BACKUP_NOT_AUTHENTIC', false]);
      await put(bytes);
      store.close();
      await producer.start();
    },

    [`kill -9 in the middle of a backup, ${String(KILLS)} times: never listed, and the next one is taken`]: async ({ dice }) => {
      const before = await backups.ids();
      for (let kill = 0; kill < KILLS; kill += 1) {
        const running = backups.launch('run');
        const gone = once(running, 'exit');
        // From the first byte that is written on.
        await until('the backup has begun', LIMIT_MS, () => readdirSync(backups.archive).some((name) => name.startsWith('base-') && name.endsWith('.tmp')) || running.exitCode !== null);
        await sleep(dice.next() * 150);
        running.kill('SIGKILL');
        const [code] = (await gone) as [number | null];
        const listed = await backups.ids();
        if (code === null) expect(listed.filter((id) => !before.includes(id)).every((id) => existsSync(baseOf(id)) && existsSync(`${baseOf(id)}-manifest`))).toBe(true);
      }
      const killed = await backups.ids();
      const { backup } = await backups.told<{ backup: { id: string } }>(0, 'run');
      expect(await backups.ids()).toEqual([backup.id, ...killed]);
      // Nothing is left of those that were killed.
      const kept = new Set((await backups.ids()).flatMap((id) => [`base-${id}`, `base-${id}-manifest`]));
      expect(readdirSync(backups.archive).filter((name) => name.startsWith('base-') && !kept.has(name))).toEqual([]);
    },

    'a drill under load is held against what was signed a moment ago, and the ledger has its result': async ({ stand }) => {
      if (!producer.running) await producer.start();
      const { treeSize: before } = (await (await fetch(`${ledger.url}/ledgers/${TENANT}`)).json()) as { treeSize: number };
      const emitting = producer.emits(2_000);
      const { ledgers } = await backups.told<Restored>(0, 'drill', '--ledger-state', join(stand.folder, 'state'), '--settle-seconds', '6');
      expect(ledgers.find(({ tenant }) => tenant === TENANT)?.provedSize).toBeGreaterThan(before);
      // The same without a state folder at hand, by what the running ledger has signed.
      expect((await backups.told<Restored>(0, 'drill', '--settle-seconds', '6')).ledgers.map(({ tenant }) => tenant)).toEqual(ledgers.map(({ tenant }) => tenant));
      await emitting;
      await until('the drill is on record', LIMIT_MS, async () => {
        const answer = (await (await fetch(`${ledger.url}/ledgers/system/events?type=backup.drill.completed`)).json()) as { events: { entry: { outcome: string } }[] };
        return answer.events[0]?.entry.outcome === 'success';
      });
      await until('its age is known', LIMIT_MS, async () => (await backups.metric('drill_timestamp_seconds')) > 0);
      await backups.stopServing();
    },
  },
);

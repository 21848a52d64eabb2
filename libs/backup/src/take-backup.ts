import { randomBytes } from 'node:crypto';
import type { FileStore } from '@countersign/files';
import pg from 'pg';
import type { ArchiveKey } from './archive-key.js';
import { BaseBackup, openReplication, serverFault } from './base-backup.js';
import { readCatalogue, writeCatalogue, type Backup, type Catalogue, type LedgerCheckpoint } from './catalogue.js';
import { BackupFault } from './fault.js';
import { once, writeObject } from './sealed-object.js';
import { slotOf } from './wal-slot.js';

export interface ArchivePlace {
  /** The first is the archive; the others are copies of it. */
  readonly stores: readonly FileStore[];
  readonly key: ArchiveKey;
}

export interface TakeOptions extends ArchivePlace {
  /** Of a role with REPLICATION. */
  readonly serverUrl: string;
  /** Asked before the server is: what is signed by then is in the backup. */
  readonly checkpoints: () => Promise<readonly LedgerCheckpoint[]>;
  readonly now: () => Date;
  /** Clear bytes read so far, and about how many there are. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Advisory lock of whoever writes the catalogue; any number that nobody else takes. */
const LOCK = 7_310_582_046;
const PROGRESS_EVERY_BYTES = 4 * 1024 * 1024;

/**
 * Takes one backup of a server: all its databases as of one instant. Nothing of it is ever on a disk in clear, and it is listed when all of it is durable,
 * in every store. Throws BackupFault; FilesFault.
 */
export async function takeBackup(options: TakeOptions): Promise<Backup> {
  return locked(options.serverUrl, async (session) => {
    const { stores, key } = options;
    const started = options.now();
    const id = `${started.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z-${randomBytes(3).toString('hex')}`;
    const names = { data: `base-${id}`, manifest: `base-${id}-manifest` };
    const known = await begin(options, Object.values(names));
    const checkpoints = await options.checkpoints();
    const about = await describeServer(session);
    const wal = await slotOf(session);
    const taken = await copyFiles(options, names.data, about.bytes);
    const manifest = await writeObject(stores, key, names.manifest, once(Buffer.from(JSON.stringify({ files: taken.manifest, checkpoints }))));
    const backup: Backup = {
      id,
      takenAt: started.toISOString(),
      finishedAt: options.now().toISOString(),
      server: { systemId: taken.systemId, version: about.version, timeline: taken.timeline, walSegmentBytes: about.walSegmentBytes },
      databases: about.databases,
      startLsn: taken.startLsn,
      endLsn: taken.endLsn,
      ...(wal === undefined ? {} : { wal }),
      clearBytes: taken.clearBytes,
      ledgers: checkpoints.length,
      data: taken.data,
      manifest,
    };
    await writeCatalogue(stores, key, { ...known, taking: [], backups: [backup, ...known.backups] });
    return backup;
  });
}

/** What one left that was killed goes first, and what this one is going to write is known before it is there. */
async function begin({ stores, key }: TakeOptions, names: readonly string[]): Promise<Catalogue> {
  const known = await readCatalogue(stores[0]!, key);
  for (const name of known.taking) for (const store of stores) await store.discard(name);
  await writeCatalogue(stores, key, { ...known, taking: names });
  return known;
}

async function copyFiles({ serverUrl, stores, key, onProgress }: TakeOptions, name: string, total: number) {
  const client = await openReplication(serverUrl, 'countersign backup');
  try {
    const { rows: [system] } = await client.query<{ systemid: string }>('IDENTIFY_SYSTEM').catch((error: unknown) => Promise.reject(serverFault(error)));
    const base = client.query(new BaseBackup(`countersign ${name}`));
    let reported = 0;
    const data = await writeObject(stores, key, name, (async function* () {
      for await (const part of base.data()) {
        if (base.readBytes - reported >= PROGRESS_EVERY_BYTES) onProgress((reported = base.readBytes), Math.max(total, base.readBytes));
        yield part;
      }
    })());
    const start = await base.start;
    const { manifest, end } = await base.finished();
    return { systemId: system!.systemid, timeline: start.timeline, startLsn: start.lsn, endLsn: end.lsn, clearBytes: base.readBytes, data, manifest };
  } finally {
    // A backup that was given up midway is stopped by its connection's end alone.
    await client.end().catch(() => undefined);
  }
}

async function describeServer(session: pg.Client) {
  const { rows: [settings] } = await session.query<{ version: string; segment: string; tablespaces: string }>(
    "SELECT current_setting('server_version') AS version, setting AS segment, (SELECT count(*) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS tablespaces FROM pg_settings WHERE name = 'wal_segment_size'",
  );
  if (settings!.tablespaces !== '0') throw new BackupFault('BACKUP_UNSUPPORTED', 'a tablespace lies outside the data folder');
  const { rows } = await session.query<{ name: string }>('SELECT datname AS name FROM pg_database WHERE NOT datistemplate ORDER BY datname');
  return { version: settings!.version, walSegmentBytes: Number(settings!.segment), databases: rows.map(({ name }) => name), bytes: 0 };
}

/** Runs alone, as far as this server's archives go: two who write the catalogue would lose what the other listed. Throws BACKUP_BUSY, BACKUP_SERVER_FAILED. */
export async function locked<T>(serverUrl: string, work: (session: pg.Client) => Promise<T>): Promise<T> {
  const url = Object.assign(new URL(serverUrl), { pathname: '/postgres' }).href;
  const session = new pg.Client({ connectionString: url, application_name: 'countersign backup lock', keepAlive: true });
  session.on('error', () => undefined);
  try {
    await session.connect().catch((error: unknown) => Promise.reject(serverFault(error)));
    const { rows: [lock] } = await session.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [LOCK]);
    if (lock?.taken !== true) throw new BackupFault('BACKUP_BUSY', 'another backup or prune of this server is under way');
    return await work(session);
  } finally {
    await session.end().catch(() => undefined);
  }
}

import type { OrderOutcome } from '@countersign/contracts';
import type { FileStore } from '@countersign/files';
import type { ArchiveKey } from './archive-key.js';
import { BackupFault } from './fault.js';
import { once, readWhole, writeObject, type StoredObject } from './sealed-object.js';

/** What backups there are. Written anew, whole, after what it lists is durable: a backup that was killed is in no catalogue. */

const NAME = 'catalogue';
const FORMAT = 'countersign.backup.catalogue/1';
/** Some ten thousand backups. */
const CATALOGUE_BYTES_MAX = 16 * 1024 * 1024;
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;

export interface Backup {
  /** Time and random, such as `20261122T031500Z-4f0c2a`. */
  readonly id: string;
  /** Everything committed before this instant is in it; RFC 3339, UTC. */
  readonly takenAt: string;
  readonly finishedAt: string;
  readonly server: { readonly systemId: string; readonly version: string; readonly timeline: number; readonly walSegmentBytes: number };
  readonly databases: readonly string[];
  /** Positions in the write-ahead log between which the files were read. */
  readonly startLsn: string;
  readonly endLsn: string;
  /** The stream of the write-ahead log that goes on where this backup ends; absent when none was archived. */
  readonly wal?: { readonly stream: string; readonly fromLsn: string };
  /** Of all files, before encryption. */
  readonly clearBytes: number;
  readonly ledgers: number;
  readonly data: StoredObject;
  readonly manifest: StoredObject;
  /** Since when no rule keeps it, where retention decides what becomes of it then. */
  readonly closedAt?: string;
}

/** An order of retention that is being carried out: it is decided, and what it names is listed no more. */
export interface GoingOrder {
  readonly orderId: string;
  readonly digest: string;
  readonly backups: readonly Backup[];
}

export interface Catalogue {
  /** Retention decides what becomes of a backup that no rule keeps; nothing goes without its order. */
  readonly isGoverned: boolean;
  /** Newest first. */
  readonly backups: readonly Backup[];
  readonly going: readonly GoingOrder[];
  /** Names of a backup that is being written: those of one that was killed are discarded before the next. */
  readonly taking: readonly string[];
  /** What became of orders, by their ids; `digest` where it had come. */
  readonly orders: Readonly<Record<string, { readonly digest?: string; readonly outcome: OrderOutcome }>>;
}

export const EMPTY_CATALOGUE: Catalogue = { isGoverned: false, backups: [], going: [], taking: [], orders: {} };

/** What a ledger had signed when a backup began; the backup holds at least this. */
export interface LedgerCheckpoint {
  readonly tenant: string;
  /** Verifier keys, so that whoever restores without the key service knows what to hold signatures against. */
  readonly vkeys: readonly string[];
  /** The signed note. */
  readonly note: string;
}

export interface Manifest {
  /** PostgreSQL's own, as it sent it: path, size and SHA-256 of each file. */
  readonly files: string;
  readonly checkpoints: readonly LedgerCheckpoint[];
}

/** Throws as readObject: a new archive has a catalogue too, so that one that was taken away is missed. */
export async function readCatalogue(store: FileStore, key: ArchiveKey): Promise<Catalogue> {
  const text = (await readWhole(store, key, NAME, CATALOGUE_BYTES_MAX)).toString('utf8');
  const { format, ...read } = JSON.parse(text) as { format: string } & Partial<Catalogue>;
  if (format !== FORMAT) throw new BackupFault('BACKUP_UNSUPPORTED', `this catalogue has the format ${format}`);
  return { ...EMPTY_CATALOGUE, ...read };
}

export async function writeCatalogue(stores: readonly FileStore[], key: ArchiveKey, { backups, ...rest }: Catalogue): Promise<void> {
  const newestFirst = backups.toSorted((a, b) => (a.takenAt < b.takenAt ? 1 : -1));
  await writeObject(stores, key, NAME, once(Buffer.from(JSON.stringify({ format: FORMAT, ...rest, backups: newestFirst }))));
}

/** Throws BACKUP_UNKNOWN. */
export function findBackup(backups: readonly Backup[], id: string): Backup {
  const found = id === 'latest' ? backups[0] : backups.find((one) => one.id === id);
  if (found === undefined) throw new BackupFault('BACKUP_UNKNOWN', id === 'latest' ? 'there is no backup yet' : `there is no backup ${id}`);
  return found;
}

export async function readManifest(store: FileStore, key: ArchiveKey, { manifest }: Backup): Promise<Manifest> {
  return JSON.parse((await readWhole(store, key, manifest.name, MANIFEST_BYTES_MAX, manifest)).toString('utf8')) as Manifest;
}

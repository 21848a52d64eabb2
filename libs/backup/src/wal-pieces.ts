import { chown, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileStore } from '@countersign/files';
import type { ArchiveKey } from './archive-key.js';
import type { Backup } from './catalogue.js';
import { BackupFault } from './fault.js';
import { formatLsn, parseLsn, segmentName, type Lsn } from './lsn.js';
import type { Owner } from './place-files.js';
import { readWhole, writeObject } from './sealed-object.js';
import type { ArchivePlace } from './take-backup.js';

/** The write-ahead log, in pieces that follow each other: each says where the next begins, and is named by where itself does. */

const FORMAT = 'countersign.backup.wal/1';
/** A piece is closed at this size, or after its time. */
export const PIECE_BYTES_MAX = 4 * 1024 * 1024;
const HEADER_BYTES_MAX = 1_024;

export interface Piece {
  readonly stream: string;
  readonly timeline: number;
  readonly from: Lsn;
  readonly bytes: Buffer;
  /** When the last of it came; RFC 3339, UTC. */
  readonly at: string;
}

const nameOf = (stream: string, from: Lsn): string => `wal-${stream}-${from.toString(16).padStart(16, '0')}`;

/** Durable on return, in every store. */
export async function writePiece({ stores, key }: ArchivePlace, { stream, timeline, from, bytes, at }: Piece): Promise<void> {
  const header = { format: FORMAT, stream, timeline, from: formatLsn(from), bytes: bytes.length, at };
  await writeObject(stores, key, nameOf(stream, from), (async function* () {
    yield Buffer.from(`${JSON.stringify(header)}\n`);
    yield bytes;
  })());
}

/** Undefined when there is none that begins there. Throws as readObject; BACKUP_NOT_AUTHENTIC for a piece that is not what its name says. */
async function readPiece(store: FileStore, key: ArchiveKey, stream: string, from: Lsn): Promise<Piece | undefined> {
  const name = nameOf(stream, from);
  let whole: Buffer;
  try {
    whole = await readWhole(store, key, name, PIECE_BYTES_MAX + HEADER_BYTES_MAX);
  } catch (error) {
    if (error instanceof BackupFault && error.code === 'BACKUP_OBJECT_MISSING') return undefined;
    throw error;
  }
  const end = whole.indexOf(0x0a);
  const header = JSON.parse(whole.subarray(0, end).toString('utf8')) as { format: string; stream: string; timeline: number; from: string; bytes: number; at: string };
  const bytes = whole.subarray(end + 1);
  if (header.format !== FORMAT || header.stream !== stream || parseLsn(header.from) !== from || header.bytes !== bytes.length) throw new BackupFault('BACKUP_NOT_AUTHENTIC', `${name} is another piece of the log`);
  return { stream, timeline: header.timeline, from, bytes, at: header.at };
}

export interface PlacedLog {
  readonly pieces: number;
  /** Where the log ends that was put back. */
  readonly endLsn: string;
  /** When the last piece was archived; the backup's own time when there is none. */
  readonly at: string;
}

/** Writes the log that follows a backup into its data folder, as far as there is any. Throws as readObject. */
export async function placeLog(store: FileStore, key: ArchiveKey, backup: Backup, dataDir: string, { owner, isWanted }: { readonly owner: Owner | undefined; readonly isWanted: boolean }): Promise<PlacedLog> {
  const { wal, server, finishedAt } = backup;
  let placed: PlacedLog = { pieces: 0, endLsn: backup.endLsn, at: finishedAt };
  if (wal === undefined || !isWanted) return placed;
  const segments = new SegmentWriter(join(dataDir, 'pg_wal'), server.timeline, server.walSegmentBytes, owner);
  try {
    for (let from = parseLsn(wal.fromLsn); ; ) {
      const piece = await readPiece(store, key, wal.stream, from);
      // A failover ends a stream; what is after it is another backup's.
      if (piece === undefined || piece.timeline !== server.timeline) return placed;
      await segments.write(from, piece.bytes);
      from += BigInt(piece.bytes.length);
      placed = { pieces: placed.pieces + 1, endLsn: formatLsn(from), at: piece.at };
    }
  } finally {
    await segments.close();
  }
}

/** Puts bytes of the log where they belong; what is behind the last of them in its file is zeros, where PostgreSQL stops. */
class SegmentWriter {
  #open: { readonly name: string; readonly file: Awaited<ReturnType<typeof open>> } | undefined;

  constructor(
    private readonly folder: string,
    private readonly timeline: number,
    private readonly segmentBytes: number,
    private readonly owner: Owner | undefined,
  ) {}

  async write(from: Lsn, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const lsn = from + BigInt(at);
      const offset = Number(lsn % BigInt(this.segmentBytes));
      const part = bytes.subarray(at, at + this.segmentBytes - offset);
      const file = await this.#segment(segmentName(this.timeline, lsn, this.segmentBytes));
      for (let done = 0; done < part.length; ) done += (await file.write(part, done, part.length - done, offset + done)).bytesWritten;
      at += part.length;
    }
  }

  async #segment(name: string) {
    if (this.#open?.name === name) return this.#open.file;
    await this.close();
    const path = join(this.folder, name);
    const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? open(path, 'wx+', 0o600) : Promise.reject(error)));
    await file.truncate(this.segmentBytes);
    this.#open = { name, file };
    if (this.owner !== undefined) await chown(path, this.owner.uid, this.owner.gid);
    return file;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.sync();
    await open?.file.close();
  }
}

/** Destroys the pieces that begin in [from, to). Returns how many. */
export async function removePieces({ stores, key }: ArchivePlace, stream: string, from: Lsn, to: Lsn | undefined): Promise<number> {
  let removed = 0;
  for (let at = from; to === undefined || at < to; removed += 1) {
    const piece = await readPiece(stores[0]!, key, stream, at);
    if (piece === undefined) break;
    for (const store of stores) await store.remove(nameOf(stream, at));
    at += BigInt(piece.bytes.length);
  }
  return removed;
}

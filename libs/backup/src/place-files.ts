import { createHash, type Hash } from 'node:crypto';
import { chown, mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileStore } from '@countersign/files';
import type { ArchiveKey } from './archive-key.js';
import { readManifest, type Backup } from './catalogue.js';
import { BackupFault } from './fault.js';
import { readObject } from './sealed-object.js';
import { readTar, type TarEntry, type TarSink } from './tar-entries.js';

/** Whose files they are to be. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface ListedFile {
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/** The log that came along is checked by its own checksums, as in PostgreSQL's manifest. */
const NOT_LISTED = /^(pg_wal\/|backup_manifest$)/;

/**
 * Puts the files of a backup into an empty folder, each held against the manifest that PostgreSQL made of it.
 * Throws BackupFault: BACKUP_FILE_ALTERED when one differs or is missing, and as readObject.
 */
export async function placeFiles(store: FileStore, key: ArchiveKey, backup: Backup, folder: string, options: { readonly owner: Owner | undefined; readonly onProgress: (done: number, total: number) => void }): Promise<void> {
  const listed = readFileList((await readManifest(store, key, backup)).files);
  const sink = new FolderSink(folder, listed, options.owner, (done) => options.onProgress(done, backup.clearBytes));
  await readTar(readObject(store, key, backup.data.name, backup.data), sink);
  const missing = [...listed.keys()].filter((path) => !sink.seen.has(path));
  if (missing.length > 0) throw new BackupFault('BACKUP_FILE_ALTERED', `the backup lacks ${String(missing.length)} files of its manifest, ${missing[0]!} among them`);
}

/** PostgreSQL manual, "Backup Manifest Format". */
function readFileList(text: string): ReadonlyMap<string, ListedFile> {
  const { Files: files } = JSON.parse(text) as { Files: { Path?: string; 'Encoded-Path'?: string; Size: number; 'Checksum-Algorithm'?: string; Checksum?: string }[] };
  return new Map(files.map((file) => [
    file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('utf8'),
    { bytes: file.Size, sha256: file['Checksum-Algorithm'] === 'SHA256' ? file.Checksum : undefined },
  ]));
}

class FolderSink implements TarSink {
  readonly seen = new Set<string>();
  #file: FileHandle | undefined;
  #entry: TarEntry | undefined;
  #hash: Hash | undefined;
  #done = 0;

  constructor(
    private readonly folder: string,
    private readonly listed: ReadonlyMap<string, ListedFile>,
    private readonly owner: Owner | undefined,
    private readonly onProgress: (done: number) => void,
  ) {}

  async begin(entry: TarEntry): Promise<void> {
    const path = join(this.folder, entry.path);
    if (entry.kind === 'folder') {
      await mkdir(path, { recursive: true, mode: 0o700 });
      if (this.owner !== undefined) await chown(path, this.owner.uid, this.owner.gid);
      return;
    }
    if (!this.listed.has(entry.path) && !NOT_LISTED.test(entry.path)) throw new BackupFault('BACKUP_FILE_ALTERED', `${entry.path} is not in the manifest`);
    this.#file = await open(path, 'wx', 0o600);
    this.#entry = entry;
    this.#hash = createHash('sha256');
  }

  async content(bytes: Buffer): Promise<void> {
    this.#hash?.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await this.#file!.write(bytes, at)).bytesWritten;
    this.#done += bytes.length;
    this.onProgress(this.#done);
  }

  async end(): Promise<void> {
    const [file, { path, bytes }] = [this.#file!, this.#entry!];
    const sha256 = this.#hash!.digest('hex');
    try {
      if (this.owner !== undefined) await file.chown(this.owner.uid, this.owner.gid);
      await file.sync();
    } finally {
      await file.close();
      this.#file = undefined;
    }
    const listed = this.listed.get(path);
    if (listed !== undefined && (listed.bytes !== bytes || (listed.sha256 !== undefined && listed.sha256 !== sha256))) {
      throw new BackupFault('BACKUP_FILE_ALTERED', `${path} is not what PostgreSQL's manifest says`);
    }
    this.seen.add(path);
  }
}

import { BackupFault } from './fault.js';

/** A tar archive as PostgreSQL sends it (POSIX.1-1988 ustar; no long names, no sparse files), read in a stream. */

const BLOCK = 512;
const NAME_AT = [0, 100] as const;
const SIZE_AT = [124, 136] as const;
const TYPE_AT = 156;

export interface TarEntry {
  readonly path: string;
  readonly kind: 'file' | 'folder';
  readonly bytes: number;
}

export interface TarSink {
  /** Folders and files, in order; content follows, then `end`. */
  begin(entry: TarEntry): Promise<void>;
  content(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

/** Throws BACKUP_UNSUPPORTED for what a base backup has not: links, paths that lead elsewhere, an archive that is cut off. */
export async function readTar(source: AsyncIterable<Buffer>, sink: TarSink): Promise<void> {
  let held: Buffer = Buffer.alloc(0);
  let left = 0;
  let padding = 0;
  for await (const part of source) {
    held = held.length === 0 ? part : Buffer.concat([held, part]);
    for (;;) {
      if (left > 0) {
        if (held.length === 0) break;
        const taken = held.subarray(0, left);
        await sink.content(taken);
        left -= taken.length;
        held = held.subarray(taken.length);
        if (left === 0) await sink.end();
      } else if (padding > 0) {
        const skipped = Math.min(padding, held.length);
        if (skipped === 0) break;
        padding -= skipped;
        held = held.subarray(skipped);
      } else {
        if (held.length < BLOCK) break;
        const header = held.subarray(0, BLOCK);
        held = held.subarray(BLOCK);
        // Zeros end the archive.
        if (header.every((byte) => byte === 0)) continue;
        const entry = entryOf(header);
        await sink.begin(entry);
        left = entry.bytes;
        padding = (BLOCK - (entry.bytes % BLOCK)) % BLOCK;
        if (entry.kind === 'file' && left === 0) await sink.end();
      }
    }
  }
  if (left > 0 || padding > 0 || held.length > 0) throw new BackupFault('BACKUP_UNSUPPORTED', 'the archive of files is cut off');
}

function entryOf(header: Buffer): TarEntry {
  const path = textOf(header, NAME_AT).replace(/^\.\//, '').replace(/\/$/, '');
  const type = String.fromCharCode(header[TYPE_AT]!);
  const kind = type === '5' ? 'folder' : type === '0' || type === '\0' ? 'file' : undefined;
  if (kind === undefined) throw new BackupFault('BACKUP_UNSUPPORTED', `${path} is neither a file nor a folder`);
  if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\0')) throw new BackupFault('BACKUP_UNSUPPORTED', 'a path leads out of the data folder');
  const bytes = kind === 'folder' ? 0 : sizeOf(header);
  return { path, kind, bytes };
}

/** Octal, or (GNU) big-endian behind a set first bit. */
function sizeOf(header: Buffer): number {
  const field = header.subarray(...SIZE_AT);
  const bytes = (field[0]! & 0x80) === 0 ? Number.parseInt(textOf(header, SIZE_AT).trim() || '0', 8) : Number(field.readBigUInt64BE(4));
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new BackupFault('BACKUP_UNSUPPORTED', 'a file has no size');
  return bytes;
}

function textOf(header: Buffer, [from, to]: readonly [number, number]): string {
  const field = header.subarray(from, to);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? undefined : end).toString('utf8');
}

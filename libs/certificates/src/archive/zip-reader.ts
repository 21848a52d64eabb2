import { ArchiveFault } from './archive-fault.js';
import { CENTRAL_BYTES, centralRecord, descriptor, END_BYTES, endRecord, localHeader, ZIP_BYTES_MAX, ZIP_FILES_MAX, ZIP_PATH, ZIP_PATH_CHARS_MAX, type ZipFile } from './zip-format.js';

/** Bytes of a file at a place. */
export interface ByteSource {
  readonly bytes: number;
  /** The bytes [from, to), all of them. */
  read(from: number, to: number): Promise<Buffer>;
}

const PIECE_BYTES = 256 * 1024;

/**
 * What an archive's zip holds, once every byte outside the contents is the one that follows from it: headers derived anew must be those that
 * are there, and no byte may lie between. Throws ARCHIVE_MALFORMED.
 */
export async function openZip(source: ByteSource): Promise<readonly ZipFile[]> {
  if (source.bytes < END_BYTES || source.bytes > ZIP_BYTES_MAX) throw malformed('it is too short or too long');
  const end = await source.read(source.bytes - END_BYTES, source.bytes);
  const [count, centralBytes, centralOffset] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)];
  if (count > ZIP_FILES_MAX || !end.equals(endRecord(count, centralBytes, centralOffset)) || centralOffset + centralBytes + END_BYTES !== source.bytes) throw malformed('its end is not as it is made');
  if (centralBytes > count * (CENTRAL_BYTES + ZIP_PATH_CHARS_MAX)) throw malformed('its list of files is too long');
  const files = readCentral(await source.read(centralOffset, centralOffset + centralBytes), count);
  let at = 0;
  for (const file of files) {
    if (file.offset !== at) throw malformed('its files do not follow each other', file.path);
    at = await requireHeaders(source, file, centralOffset);
  }
  if (at !== centralOffset) throw malformed('something lies behind its files');
  return files;
}

function readCentral(central: Buffer, count: number): ZipFile[] {
  const files: ZipFile[] = [];
  let at = 0;
  for (let n = 0; n < count; n += 1) {
    if (at + CENTRAL_BYTES > central.length) throw malformed('its list of files ends early');
    const nameBytes = central.readUInt16LE(at + 28);
    const path = central.toString('latin1', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes);
    const file: ZipFile = {
      path, method: central.readUInt16LE(at + 10) === 0 ? 'stored' : 'deflated', crc: central.readUInt32LE(at + 16),
      packedBytes: central.readUInt32LE(at + 20), bytes: central.readUInt32LE(at + 24), offset: central.readUInt32LE(at + 42),
    };
    if (!ZIP_PATH.test(path) || path.length > ZIP_PATH_CHARS_MAX || files.some((other) => other.path === path)) throw malformed('a file has a name that none has, or another one has');
    const record = centralRecord(file);
    if (!record.equals(central.subarray(at, at + record.length))) throw malformed('its entry in the list of files is not as it is made', path);
    files.push(file);
    at += record.length;
  }
  if (at !== central.length) throw malformed('something lies behind its list of files');
  return files;
}

/** Returns where the next file begins. */
async function requireHeaders(source: ByteSource, file: ZipFile, end: number): Promise<number> {
  const [before, behind] = [localHeader(file), descriptor(file)];
  const contentAt = file.offset + before.length;
  const next = contentAt + file.packedBytes + behind.length;
  if (next > end) throw malformed('it is longer than the archive', file.path);
  const isMade = before.equals(await source.read(file.offset, contentAt)) && behind.equals(await source.read(contentAt + file.packedBytes, next));
  if (!isMade || (file.method === 'stored' && file.bytes !== file.packedBytes)) throw malformed('its header is not as it is made', file.path);
  return next;
}

/** The bytes of a file as they stand in the archive, piece by piece. */
export async function* packedContent(source: ByteSource, file: ZipFile): AsyncGenerator<Buffer> {
  const from = file.offset + localHeader(file).length;
  for (let at = from; at < from + file.packedBytes; at += PIECE_BYTES) yield source.read(at, Math.min(at + PIECE_BYTES, from + file.packedBytes));
}

const malformed = (message: string, file?: string): ArchiveFault => new ArchiveFault('ARCHIVE_MALFORMED', file === undefined ? message : `${file}: ${message}`, file === undefined ? {} : { file });

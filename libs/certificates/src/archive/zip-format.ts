import { crc32 } from 'node:zlib';

/**
 * The one form that an archive's zip has (PKWARE APPNOTE 6.3.10; docs/spec/personal-archive.md). Nothing in its headers is free: whoever has
 * names, lengths and checksums derives every byte of them, so that none can be altered without being found.
 */

const LOCAL = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
export const LOCAL_BYTES = 30;
export const CENTRAL_BYTES = 46;
export const END_BYTES = 22;
export const DESCRIPTOR_BYTES = 16;
const VERSION_NEEDED = 20;
const MADE_BY_UNIX = 3 << 8;
/** Names are UTF-8 (bit 11). */
const NAMES_UTF8 = 0x0800;
/** Lengths follow the content (bit 3). */
const LENGTHS_BEHIND = 0x0008;
/** The first day that a zip knows: when something was made the manifest says. */
const DOS_DATE = 0x0021;
const PRIVATE_FILE = 0o100600;
/** Lengths and places have 32 bits: no zip64. */
export const ZIP_BYTES_MAX = 0xffff_fffe;
export const ZIP_FILES_MAX = 1_000;
/** Lower-case, relative, leading nowhere else. */
export const ZIP_PATH = /^[a-z0-9][a-z0-9_-]*(?:[./][a-z0-9][a-z0-9_-]*)*$/;
export const ZIP_PATH_CHARS_MAX = 200;

export type ZipMethod = 'stored' | 'deflated';

/** A file within a zip, as its headers have it. */
export interface ZipFile {
  readonly path: string;
  readonly method: ZipMethod;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Where its local header begins. */
  readonly offset: number;
}

export const crcOf = (bytes: Uint8Array, before = 0): number => crc32(bytes, before);

/** A deflated file is made while it is read: what its lengths are stands behind it. */
export function localHeader({ path, method, crc, packedBytes, bytes }: Omit<ZipFile, 'offset'>): Buffer {
  const known = method === 'stored' ? [crc, packedBytes, bytes] : [0, 0, 0];
  return Buffer.concat([u32(LOCAL), u16(VERSION_NEEDED), u16(flagsOf(method)), u16(method === 'stored' ? 0 : 8), u16(0), u16(DOS_DATE), ...known.map(u32), u16(path.length), u16(0), Buffer.from(path)]);
}

/** Behind a deflated file; nothing behind a stored one. */
export function descriptor({ method, crc, packedBytes, bytes }: Omit<ZipFile, 'offset' | 'path'>): Buffer {
  return method === 'stored' ? Buffer.alloc(0) : Buffer.concat([DESCRIPTOR, crc, packedBytes, bytes].map(u32));
}

export function centralRecord({ path, method, crc, packedBytes, bytes, offset }: ZipFile): Buffer {
  return Buffer.concat([
    u32(CENTRAL), u16(MADE_BY_UNIX | VERSION_NEEDED), u16(VERSION_NEEDED), u16(flagsOf(method)), u16(method === 'stored' ? 0 : 8), u16(0), u16(DOS_DATE),
    ...[crc, packedBytes, bytes].map(u32), u16(path.length), u16(0), u16(0), u16(0), u16(0), u32((PRIVATE_FILE << 16) >>> 0), u32(offset), Buffer.from(path),
  ]);
}

export function endRecord(files: number, centralBytes: number, centralOffset: number): Buffer {
  return Buffer.concat([u32(END), u16(0), u16(0), u16(files), u16(files), u32(centralBytes), u32(centralOffset), u16(0)]);
}

const flagsOf = (method: ZipMethod): number => (method === 'stored' ? NAMES_UTF8 : NAMES_UTF8 | LENGTHS_BEHIND);

function u16(value: number): Buffer {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(value);
  return out;
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0);
  return out;
}

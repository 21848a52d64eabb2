import { ENTRY_BYTES_MAX } from './event.js';
import { ChainFault } from './fault.js';
import { TILE_WIDTH } from './tile.js';

/** Entry bundles: big-endian uint16 length-prefixed entries, 1 to 256 of them (C2SP tlog-tiles, "Log entries"). */

const LENGTH_BYTES = 2;

/**
 * Bundle of entries in order. Throws EVENT_ENTRY_TOO_LARGE for an entry over 65,535 bytes and TILE_MALFORMED for no
 * entry or more than 256.
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Buffer {
  requireCount(entries.length);
  let bytes = 0;
  for (const entry of entries) {
    if (entry.length > ENTRY_BYTES_MAX) {
      throw new ChainFault('EVENT_ENTRY_TOO_LARGE', `an entry of ${entry.length} bytes, over ${ENTRY_BYTES_MAX}`);
    }
    bytes += LENGTH_BYTES + entry.length;
  }
  const bundle = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at);
    at += entry.length;
  }
  return bundle;
}

/**
 * Entries of a bundle, as views on its bytes. `width`, when given, is the number that the path promised. Throws
 * TILE_MALFORMED when the bytes end inside an entry or hold another number of entries.
 */
export function parseEntryBundle(bundle: Uint8Array, width?: number): Buffer[] {
  const bytes = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  const entries: Buffer[] = [];
  let at = 0;
  while (at < bytes.length && entries.length <= TILE_WIDTH) {
    if (at + LENGTH_BYTES > bytes.length) throw malformed('ends inside a length');
    const end = at + LENGTH_BYTES + bytes.readUInt16BE(at);
    if (end > bytes.length) throw malformed('ends inside an entry');
    entries.push(bytes.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  requireCount(entries.length);
  if (width !== undefined && entries.length !== width) throw malformed(`has ${entries.length} entries, not ${width}`);
  return entries;
}

function requireCount(count: number): void {
  if (count < 1 || count > TILE_WIDTH) throw malformed(`has no entry or more than ${TILE_WIDTH}`);
}

function malformed(what: string): ChainFault {
  return new ChainFault('TILE_MALFORMED', `entry bundle ${what}`, { field: 'bundle' });
}

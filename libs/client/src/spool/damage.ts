import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../transport.js';
import { salvaged } from './frame.js';
import { keepBytes } from './kept-file.js';
import { syncFolder } from './segment.js';
import type { SpoolKey } from './spool-key.js';

export const DAMAGED_FILE = /^(\d{10})-\d+\.sealed$/;

export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export function damagedFolder(folder: string): string {
  return path.join(folder, 'damaged');
}

export function damagedFile(folder: string, number: number, from: number): string {
  return path.join(damagedFolder(folder), `${String(number).padStart(10, '0')}-${from}.sealed`);
}

/** Events in these ranges cannot be trusted any more, yet people may still read them: see `readKept`. */
export async function setDamageAside(folder: string, number: number, buffer: Buffer, ranges: readonly ByteRange[], key: SpoolKey, log: Log): Promise<void> {
  if (ranges.length === 0) return;
  await mkdir(damagedFolder(folder), { recursive: true, mode: 0o700 });
  for (const { from, to } of ranges) {
    const file = damagedFile(folder, number, from);
    await keepBytes(file, 'damaged', salvaged(buffer.subarray(from, to), key), number, key);
    log.error({ file, segment: number, from, to }, 'spool damaged: events in this range will not be sent');
  }
  await syncFolder(damagedFolder(folder));
}

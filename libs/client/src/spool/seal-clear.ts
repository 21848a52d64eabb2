import { open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../transport.js';
import { damagedFile, damagedFolder, setDamageAside } from './damage.js';
import { CLEAR_MARK, FRAME_HEADER_BYTES, scanFrames, sealFrame } from './frame.js';
import { keepBytes } from './kept-file.js';
import { refusedFile, refusedFolder } from './refused-store.js';
import { syncFolder } from './segment.js';
import type { SpoolKey } from './spool-key.js';

/**
 * Encrypts what a spool of former versions holds in the clear. A crash at any point loses nothing: each file is replaced by
 * one that is whole, and only then overwritten. Returns the damaged ranges that it found.
 * @param clearBelow files with this number and above are never clear
 */
export async function sealClearFiles(folder: string, clearBelow: number, key: SpoolKey, log: Log): Promise<number> {
  let damagedRanges = 0;
  let replaced = 0;
  for (const name of await readdir(folder)) {
    const match = /^(\d{10})\.(seg|spare)$/.exec(name);
    if (match === null || Number(match[1]) >= clearBelow) continue;
    const file = path.join(folder, name);
    const bytes = await readFile(file);
    if (!bytes.includes(CLEAR_MARK)) continue;
    if (match[2] === 'spare') await wipe(file);
    else damagedRanges += await sealSegment(folder, file, Number(match[1]), bytes, key, log);
    replaced++;
  }
  replaced += await sealAside(refusedFolder(folder), /^refused-(\d{6})\.jsonl$/, (number) => refusedFile(refusedFolder(folder), number), 'refused', key);
  replaced += await sealAside(damagedFolder(folder), /^(\d{10})-(\d+)\.bin$/, (number, from) => damagedFile(folder, number, from), 'damaged', key);
  if (replaced > 0) log.info({ files: replaced }, 'files of the spool that were not encrypted were encrypted');
  return damagedRanges;
}

async function sealSegment(folder: string, file: string, number: number, bytes: Buffer, key: SpoolKey, log: Log): Promise<number> {
  const { frames, damage } = scanFrames(bytes, number);
  await setDamageAside(folder, number, bytes, damage, key, log);
  const fileKey = key.freshFileKey();
  const sealed = Buffer.alloc(bytes.length + frames.length * FRAME_HEADER_BYTES);
  let end = 0;
  for (const frame of frames) end += sealFrame(sealed.subarray(end), bytes.subarray(frame.from, frame.to), frame, fileKey, end);
  await replace(file, sealed.subarray(0, end));
  return damage.length;
}

async function sealAside(folder: string, names: RegExp, target: (...numbers: number[]) => string, kind: 'refused' | 'damaged', key: SpoolKey): Promise<number> {
  const found = await readdir(folder).catch(() => []);
  let sealed = 0;
  for (const name of found) {
    const match = names.exec(name);
    if (match === null) continue;
    const numbers = match.slice(1).map(Number);
    await keepBytes(target(...numbers), kind, await readFile(path.join(folder, name)), numbers[0]!, key);
    await syncFolder(folder);
    await wipe(path.join(folder, name));
    sealed++;
  }
  return sealed;
}

/** Puts a new file in place of one, then overwrites the old one's bytes. */
async function replace(file: string, bytes: Buffer): Promise<void> {
  const draft = `${file}.new`;
  const before = await open(file, 'r+');
  try {
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
    await syncFolder(path.dirname(file));
    await overwrite(before);
  } finally {
    await before.close();
  }
}

async function wipe(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await overwrite(handle);
  } finally {
    await handle.close();
  }
  await rm(file);
}

/** As far as file system and disk write in place: docs/adr/0028 says what remains. */
async function overwrite(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  await handle.write(Buffer.alloc(size), 0, size, 0);
  await handle.sync();
}

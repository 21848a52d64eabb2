import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { openFrame, scanFrames } from './frame.js';
import { openExistingSpoolKey, type SpoolKeyChoice } from './open-spool-key.js';
import { DAMAGED_FILE, damagedFolder } from './damage.js';
import { REFUSED_FILE, refusedFolder } from './refused-store.js';
import type { SpoolKey } from './spool-key.js';

/** What a spool keeps for people to look at. */
export interface Kept {
  /** `refused`: a JSON line `{refusedAt, refusal, event}`. `damaged`: bytes that were changed on the disk, unverified. */
  readonly kind: 'refused' | 'damaged';
  /** Its path in the spool folder. */
  readonly file: string;
  /** Undefined: it does not verify any more. */
  readonly bytes: Buffer | undefined;
}

/** Reads what the ledger refused (at most 256 MiB) and what the disk damaged, also while the producer runs. Throws EmitError SPOOL_KEY_UNUSABLE. */
export async function readKept(spoolDir: string, spoolKey: Exclude<SpoolKeyChoice, 'ephemeral'> = {}): Promise<Kept[]> {
  const key = await openExistingSpoolKey(spoolDir, spoolKey);
  const refused = await keptIn(spoolDir, refusedFolder(spoolDir), REFUSED_FILE, 'refused', key);
  return [...refused, ...(await keptIn(spoolDir, damagedFolder(spoolDir), DAMAGED_FILE, 'damaged', key))];
}

async function keptIn(spoolDir: string, folder: string, names: RegExp, kind: Kept['kind'], key: SpoolKey): Promise<Kept[]> {
  const kept: Kept[] = [];
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of found.sort()) {
    const match = names.exec(name);
    if (match === null) continue;
    const bytes = await readFile(path.join(folder, name));
    const file = path.relative(spoolDir, path.join(folder, name));
    const { frames, damage } = scanFrames(bytes, Number(match[1]));
    for (const frame of frames) {
      if (frame.kind === kind && !frame.isClear) kept.push({ kind, file, bytes: openFrame(bytes, frame, key, frame.start) });
    }
    for (const _ of damage) kept.push({ kind, file, bytes: undefined });
  }
  return kept;
}

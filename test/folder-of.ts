import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The root folder of this repository. */
export const ROOT = join(import.meta.dirname, '..');

/** A temporary folder that holds the given files; remove it with `dispose`. */
export interface Folder {
  readonly path: string;
  dispose(): void;
}

/** Writes `files` (path inside the folder → text) into a new temporary folder. */
export function folderOf(files: Readonly<Record<string, string>>): Folder {
  const path = mkdtempSync(join(tmpdir(), 'countersign-fixture-'));
  for (const [name, text] of Object.entries(files)) {
    const file = join(path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

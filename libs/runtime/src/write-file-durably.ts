import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const DEFAULT_MODE = 0o600;

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Replaces a file so that after a power cut either the old or the new content is there, whole: written beside it,
 * synced, renamed, and the folder synced. Durable on return.
 * @param mode permission bits of the new file, whatever the umask; default 0600
 */
export async function writeFileDurably(path: string, bytes: Uint8Array | string, mode: number = DEFAULT_MODE): Promise<void> {
  const temporary = `${path}.${String(process.pid)}.${String(nextNumber())}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

let written = 0;
// Two writes of one process to the same path must not share the temporary file.
const nextNumber = (): number => (written += 1);

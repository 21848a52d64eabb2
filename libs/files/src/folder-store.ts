import { mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FilesFault } from './fault.js';
import { checkName, type FileStore } from './file-store.js';

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;
/** End of the names of what is not whole yet. */
const TEMPORARY = '.tmp';

/** Files in a local folder that only its owner may enter. */
export class FolderStore implements FileStore {
  #written = 0;

  constructor(private readonly folder: string) {}

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#path(name);
    const temporary = `${path}.${process.pid}.${(this.#written += 1)}${TEMPORARY}`;
    try {
      await mkdir(this.folder, { recursive: true, mode: PRIVATE_FOLDER });
      const file = await open(temporary, 'wx', PRIVATE_FILE);
      try {
        for await (const bytes of content) await file.write(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw unavailable(error);
    }
    await syncFolder(dirname(path));
  }

  async read(name: string, from: number, to: number): Promise<Buffer> {
    const path = this.#path(name);
    try {
      const file = await open(path, 'r');
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(to - from), 0, to - from, from);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? new FilesFault('FILE_MISSING', 'there is no such file', { cause: error }) : unavailable(error);
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await unlink(this.#path(name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw unavailable(error);
    }
    await syncFolder(this.folder);
  }

  async discard(name: string): Promise<void> {
    const path = this.#path(name);
    try {
      const left = (await readdir(this.folder)).filter((one) => one.startsWith(`${name}.`) && one.endsWith(TEMPORARY));
      for (const one of left) await rm(join(this.folder, one), { force: true });
      await rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw unavailable(error);
    }
    await syncFolder(this.folder);
  }

  close(): void {
    // Nothing is held open.
  }

  #path(name: string): string {
    return join(this.folder, checkName(name));
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What the disk refuses; what the content itself rejects with is passed on. */
function unavailable(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && typeof syscall === 'string' ? new FilesFault('FILE_STORE_UNAVAILABLE', `the folder of files: ${code}`, { cause: error }) : error;
}

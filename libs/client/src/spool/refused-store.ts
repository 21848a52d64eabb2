import { mkdir, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Refusal } from '@countersign/contracts';
import { keptFrames } from './kept-file.js';
import { syncFolder } from './segment.js';
import type { FileKey, SpoolKey } from './spool-key.js';

const FILE_BYTES_MAX = 8 * 1024 * 1024;
/** When refused events fill this much, somebody must look: later ones stay in the spool. */
export const REFUSED_BYTES_MAX = 256 * 1024 * 1024;
export const REFUSED_FILE = /^refused-(\d{6})\.sealed$/;

export interface RefusedEvent {
  readonly refusal: Refusal;
  /** The event's JSON as it was sent. */
  readonly event: string;
}

export function refusedFolder(folder: string): string {
  return path.join(folder, 'refused');
}

export function refusedFile(folder: string, number: number): string {
  return path.join(folder, `refused-${String(number).padStart(6, '0')}.sealed`);
}

/** Refused is not lost: keeps the events that the ledger refused, encrypted, as JSON lines `{refusedAt, refusal, event}`. */
export class RefusedStore {
  #fileNumber = 0;
  #fileBytes = 0;
  #totalBytes = 0;
  #fileKey: FileKey;

  private constructor(
    readonly folder: string,
    readonly key: SpoolKey,
  ) {
    this.#fileKey = key.freshFileKey();
  }

  static async open(folder: string, key: SpoolKey): Promise<RefusedStore> {
    const store = new RefusedStore(folder, key);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      const match = REFUSED_FILE.exec(name);
      if (match === null) continue;
      store.#fileNumber = Math.max(store.#fileNumber, Number(match[1]));
      store.#totalBytes += (await stat(path.join(folder, name))).size;
    }
    // A file that a crash may have torn is left as it is.
    store.#fileNumber++;
    return store;
  }

  /** Appends the events. Durable on return. Rejects when the store is full or the disk fails. */
  async keep(refused: readonly RefusedEvent[], refusedAt: string): Promise<void> {
    if (refused.length === 0) return;
    const lines = refused.map(({ refusal, event }) => Buffer.from(`{"refusedAt":"${refusedAt}","refusal":${JSON.stringify(refusal)},"event":${event}}\n`));
    if (this.#fileBytes > FILE_BYTES_MAX) this.#nextFile();
    const frames = keptFrames('refused', lines, this.#fileNumber, this.#fileKey, this.#fileBytes);
    if (this.#totalBytes + frames.length > REFUSED_BYTES_MAX) throw new Error('the store of refused events is full');
    try {
      await this.#append(frames);
    } catch (error) {
      // What a failed write left behind would stand where the next frame says that it stands.
      this.#nextFile();
      throw error;
    }
    if (this.#fileBytes === 0) await syncFolder(this.folder);
    this.#fileBytes += frames.length;
    this.#totalBytes += frames.length;
  }

  #nextFile(): void {
    this.#fileNumber++;
    this.#fileBytes = 0;
    this.#fileKey = this.key.freshFileKey();
  }

  async #append(frames: Buffer): Promise<void> {
    const handle = await open(refusedFile(this.folder, this.#fileNumber), 'a', 0o600);
    try {
      await handle.appendFile(frames);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }
}

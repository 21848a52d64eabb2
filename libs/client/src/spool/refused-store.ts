import { mkdir, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Refusal } from '@countersign/contracts';
import { syncFolder } from './segment.js';

const FILE_BYTES_MAX = 8 * 1024 * 1024;
/** When refused events fill this much, somebody must look: later ones stay in the spool. */
export const REFUSED_BYTES_MAX = 256 * 1024 * 1024;

export interface RefusedEvent {
  readonly refusal: Refusal;
  /** The event's JSON as it was sent. */
  readonly event: string;
}

/** Refused is not lost: keeps the events that the ledger refused as JSON lines `{refusedAt, refusal, event}`. */
export class RefusedStore {
  #fileNumber = 0;
  #fileBytes = 0;
  #totalBytes = 0;

  private constructor(readonly folder: string) {}

  static async open(folder: string): Promise<RefusedStore> {
    const store = new RefusedStore(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      const match = /^refused-(\d{6})\.jsonl$/.exec(name);
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
    const text = refused.map(({ refusal, event }) => `{"refusedAt":"${refusedAt}","refusal":${JSON.stringify(refusal)},"event":${event}}\n`).join('');
    const bytes = Buffer.byteLength(text);
    if (this.#totalBytes + bytes > REFUSED_BYTES_MAX) throw new Error('the store of refused events is full');
    if (this.#fileBytes + bytes > FILE_BYTES_MAX && this.#fileBytes > 0) {
      this.#fileNumber++;
      this.#fileBytes = 0;
    }
    const file = path.join(this.folder, `refused-${String(this.#fileNumber).padStart(6, '0')}.jsonl`);
    const handle = await open(file, 'a', 0o600);
    try {
      await handle.appendFile(text);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    if (this.#fileBytes === 0) await syncFolder(this.folder);
    this.#fileBytes += bytes;
    this.#totalBytes += bytes;
  }
}

import { constants, fdatasync, write } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { FRAME_HEADER_BYTES } from './frame.js';
import type { FileKey } from './spool-key.js';

const writeAt = promisify(write);
const syncData = promisify(fdatasync);
const ZEROS = Buffer.alloc(1024 * 1024);

/** One spool file while it holds events. */
export class Segment {
  /** Events of this segment without a receipt. */
  live = 0;
  /** Bytes in use. */
  used = 0;
  /** More than a header was written. */
  holdsEvents = false;
  /** What it is written under, while it is. */
  key: FileKey | undefined;
  #handle: FileHandle | undefined;

  constructor(
    readonly number: number,
    readonly file: string,
    readonly bytes: number,
    handle: FileHandle | undefined,
  ) {
    this.#handle = handle;
  }

  get room(): number {
    return this.bytes - this.used;
  }

  /**
   * Writes bytes [start, end) of `buffer`, one whole frame, after what is there. Durable on return.
   * If it throws, the bytes are not in use and must not become so: see `erase`.
   */
  async append(buffer: Buffer, start: number, end: number): Promise<void> {
    const handle = await this.#open();
    const position = this.used - start;
    for (let at = start; at < end; ) {
      // Commit point of every event in this frame: the file is open with O_DSYNC, so a write that returns is on the disk.
      const { bytesWritten } = await writeAt(handle.fd, buffer, at, end - at, position + at);
      at += bytesWritten;
    }
    this.used += end - start;
  }

  /** Destroys the header of a frame whose append failed, so that recovery cannot take it for a commit. Durable on return. */
  async erase(): Promise<void> {
    const handle = await this.#open();
    await writeAt(handle.fd, ZEROS, 0, Math.min(FRAME_HEADER_BYTES, this.room), this.used);
  }

  async sync(): Promise<void> {
    await syncData((await this.#open()).fd);
  }

  async read(from: number, to: number): Promise<Buffer> {
    const handle = await this.#open();
    const buffer = Buffer.allocUnsafe(to - from);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    if (bytesRead < buffer.length) throw new Error(`spool file ${path.basename(this.file)} is shorter than it was`);
    return buffer;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #open(): Promise<FileHandle> {
    this.#handle ??= await openDurable(this.file);
    return this.#handle;
  }
}

/** One write does what write and fdatasync do, in one trip to the thread pool (open(2), O_DSYNC). */
function openDurable(file: string): Promise<FileHandle> {
  return open(file, constants.O_RDWR | constants.O_DSYNC);
}

export function segmentFile(folder: string, number: number): string {
  return path.join(folder, `${String(number).padStart(10, '0')}.seg`);
}

export function spareFile(folder: string, number: number): string {
  return path.join(folder, `${String(number).padStart(10, '0')}.spare`);
}

/**
 * Makes a file ready for use as a segment: all its blocks are written once, ahead of use, because a sync that also has to
 * allocate blocks takes three times as long. A spare file that was in use before needs only its new name. Durable on return.
 */
export async function prepareSegment(folder: string, number: number, bytes: number, spare: string | undefined): Promise<Segment> {
  const file = segmentFile(folder, number);
  if (spare === undefined) {
    const unfinished = `${file}.new`;
    try {
      await fillWithZeros(unfinished, bytes);
      await rename(unfinished, file);
    } catch (error) {
      // On a full disk every try would leave its part behind.
      await rm(unfinished, { force: true });
      throw error;
    }
  } else {
    await rename(spare, file);
  }
  await syncFolder(folder);
  return new Segment(number, file, bytes, await openDurable(file));
}

async function fillWithZeros(file: string, bytes: number): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    for (let at = 0; at < bytes; at += ZEROS.length) {
      await handle.write(ZEROS, 0, Math.min(ZEROS.length, bytes - at), at);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A new or renamed file is durable only once its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import type { ChunkPool } from '../delivery/chunk.js';
import type { Entry } from '../delivery/lane.js';
import type { Piece } from '../delivery/message-body.js';
import { EmitError } from '../errors.js';
import type { EmitterSettings } from '../options.js';
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, sealFrame, type FrameKind } from './frame.js';
import { lockSpool, type SpoolLock } from './lock.js';
import { openSpoolKey } from './open-spool-key.js';
import { readEntries } from './read-back.js';
import { recoverSpool, type Recovery, type SpoolOwner } from './recovery.js';
import { prepareSegment, spareFile, type Segment } from './segment.js';
import type { Spool, StagedFrame } from './spool.js';
import type { FileKey, SpoolKey } from './spool-key.js';

/** Cleared files that wait to be used again. */
const SPARES_MAX = 2;
/** What a segment cannot hold events with: the room of a frame that no longer fits, and its header. */
const SEGMENT_WASTE_BYTES = FRAME_BYTES_MAX + 1_024;
/** A quiet spool that used more than this part of its segment starts a new one, so that a crash resends little. */
const TIDY_PART = 1 / 8;

/** Append-only, encrypted files in a folder of this process alone. An event is in it from its commit until its receipt. */
export class DiskSpool implements Spool {
  lastSequence: number;
  readonly #segments = new Set<Segment>();
  readonly #spares: string[];
  readonly #segmentsMax: number;
  #active: Segment | undefined;
  #nextNumber: number;
  #prepared: Promise<Segment> | undefined;
  #housekeeping: Promise<void> = Promise.resolve();
  #failure: unknown;
  #closed = false;
  /** The frame that is being written: one at a time. */
  readonly #sealed = Buffer.allocUnsafeSlow(FRAME_BYTES_MAX);

  private constructor(
    readonly folder: string,
    readonly owner: SpoolOwner,
    readonly settings: EmitterSettings,
    readonly lock: SpoolLock,
    readonly key: SpoolKey,
    recovery: Recovery,
  ) {
    this.lastSequence = recovery.lastSequence;
    this.#nextNumber = recovery.nextNumber;
    this.#spares = [...recovery.spares];
    this.#segmentsMax = Math.floor(settings.spoolBytesMax / settings.segmentBytes);
    for (const segment of recovery.segments) this.#segments.add(segment);
  }

  /**
   * Takes the folder's lock and reads what is there. On return a new segment with the highest sequence is durable.
   * Throws EmitError SPOOL_LOCKED, SPOOL_FOREIGN, SPOOL_KEY_UNUSABLE; file system errors as they come.
   */
  static async open(folder: string, settings: EmitterSettings, pool: ChunkPool): Promise<{ spool: DiskSpool; recovery: Recovery }> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lock = await lockSpool(folder);
    try {
      const opened = await openSpoolKey(folder, settings.spoolKey);
      const recovery = await recoverSpool(folder, opened, settings.residentBytesMax, pool, settings.log);
      const spool = new DiskSpool(folder, ownerOf(recovery, settings), settings, lock, opened.key, recovery);
      await spool.#rotate();
      for (const segment of recovery.segments) if (segment.live === 0) spool.#recycle(segment);
      await spool.#housekeeping;
      spool.#prepareAhead();
      return { spool, recovery };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment.used;
    return bytes;
  }

  hasRoom(bytes: number): boolean {
    const free = (this.#segmentsMax - this.#segments.size) * (this.settings.segmentBytes - SEGMENT_WASTE_BYTES);
    return bytes <= free + Math.max(0, (this.#active?.room ?? 0) - SEGMENT_WASTE_BYTES);
  }

  async append(frame: StagedFrame): Promise<void> {
    if (this.#failure !== undefined) throw spoolError(this.#failure);
    try {
      if ((this.#active as Segment).room < frame.end - frame.start) {
        await this.#rotate();
        this.#prepareAhead();
      }
      await this.#commit(this.#active as Segment, frame);
    } catch (error) {
      throw spoolError(error);
    }
  }

  clear(entry: Entry): void {
    const segment = entry.segment;
    // After close the folder may be another process's.
    if (segment === undefined || this.#closed) return;
    entry.segment = undefined;
    segment.live--;
    if (segment.live === 0 && segment !== this.#active) this.#recycle(segment);
  }

  load(entries: readonly Entry[]): Promise<(Piece | undefined)[]> {
    return readEntries(entries, this.key);
  }

  async tidy(): Promise<void> {
    const active = this.#active;
    if (active === undefined || this.#failure !== undefined || this.#closed) return;
    if (active.live === 0 && active.used > this.settings.segmentBytes * TIDY_PART) {
      await this.#rotate();
      this.#prepareAhead();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const clean = [...this.#segments].every((segment) => segment.live === 0);
    // Leaves nothing that the next start would send again.
    if (clean && this.#failure === undefined && this.#active?.holdsEvents === true) await this.#rotate();
    await this.#housekeeping;
    const unused = await this.#prepared?.catch(() => undefined);
    await unused?.close();
    for (const file of [...this.#spares, ...(unused === undefined ? [] : [unused.file])]) await rm(file, { force: true });
    for (const segment of this.#segments) await segment.close();
    await this.lock.release();
  }

  async #commit(segment: Segment, frame: StagedFrame): Promise<void> {
    const lastSequence = frame.lastSequence ?? this.lastSequence;
    const shift = segment.used - frame.start;
    const payload = frame.chunk.buffer.subarray(frame.start + FRAME_HEADER_BYTES, frame.end);
    const place = { from: segment.used, to: segment.used + frame.end - frame.start };
    await this.#appendFrame(segment, 'events', payload, frame.entries.length, lastSequence);
    for (const entry of frame.entries) {
      entry.segment = segment;
      entry.offset = entry.at + shift;
      entry.frame = place;
    }
    segment.live += frame.entries.length;
    segment.holdsEvents = true;
    this.lastSequence = lastSequence;
  }

  async #appendFrame(segment: Segment, kind: FrameKind, payload: Buffer, eventCount: number, lastSequence: number): Promise<void> {
    const fields = { kind, fileNumber: segment.number, eventCount, lastSequence };
    const end = sealFrame(this.#sealed, payload, fields, segment.key as FileKey, segment.used);
    try {
      await segment.append(this.#sealed, 0, end);
    } catch (error) {
      // The frame may be whole on disk although it was not confirmed. Its numbers may be given again only once it is gone.
      await segment.erase().catch((failure: unknown) => {
        this.#failure = failure;
      });
      throw error;
    }
  }

  /** Starts the next segment. Its header keeps the highest sequence, so that older segments may go. */
  async #rotate(): Promise<void> {
    const before = this.#active;
    const prepared = this.#prepared ?? this.#prepare();
    this.#prepared = undefined;
    const next = await prepared;
    next.key = this.key.freshFileKey();
    await this.#appendFrame(next, 'header', Buffer.from(JSON.stringify(this.owner)), 0, this.lastSequence);
    this.#segments.add(next);
    this.#active = next;
    if (before !== undefined && before.live === 0) this.#recycle(before);
  }

  #prepareAhead(): void {
    if (this.#prepared !== undefined || this.#segments.size >= this.#segmentsMax) return;
    this.#prepared = this.#prepare();
    this.#prepared.catch((error: unknown) => {
      this.#prepared = undefined;
      this.settings.log.warn({ err: error }, 'next spool file could not be made; it will be tried again');
    });
  }

  #prepare(): Promise<Segment> {
    const spare = this.#spares.pop();
    const number = this.#nextNumber++;
    return prepareSegment(this.folder, number, this.settings.segmentBytes, spare);
  }

  #recycle(segment: Segment): void {
    this.#segments.delete(segment);
    this.#housekeeping = this.#housekeeping
      .then(() => this.#putAside(segment))
      .catch((error: unknown) => this.settings.log.warn({ err: error }, 'a cleared spool file could not be removed; its events may be sent again'));
  }

  async #putAside(segment: Segment): Promise<void> {
    await segment.close();
    if (this.#spares.length >= SPARES_MAX || segment.bytes !== this.settings.segmentBytes) {
      await rm(segment.file, { force: true });
      return;
    }
    const spare = spareFile(this.folder, segment.number);
    await rename(segment.file, spare);
    this.#spares.push(spare);
  }
}

function ownerOf(recovery: Recovery, settings: EmitterSettings): SpoolOwner {
  const { owner } = recovery;
  if (owner === undefined) {
    if (recovery.lastSequence > 0) {
      throw new EmitError('SPOOL_FOREIGN', 'the spool folder holds events but no readable header', 'spoolDir');
    }
    return { source: settings.source, producerId: settings.producerId ?? newProducerId(settings.source) };
  }
  if (owner.source !== settings.source) {
    throw new EmitError('SPOOL_FOREIGN', `the spool folder belongs to source ${owner.source}`, 'source');
  }
  if (settings.producerId !== undefined && settings.producerId !== owner.producerId) {
    throw new EmitError('SPOOL_FOREIGN', `the spool folder belongs to producer ${owner.producerId}`, 'producerId');
  }
  return owner;
}

export function newProducerId(source: string): string {
  return `${source}-${randomBytes(8).toString('hex')}`;
}

function spoolError(error: unknown): EmitError {
  if (error instanceof EmitError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new EmitError('SPOOL_FULL', 'the disk of the spool is full', undefined, { cause: error })
    : new EmitError('SPOOL_FAILED', 'the spool could not be written; the event is not durable', undefined, { cause: error });
}

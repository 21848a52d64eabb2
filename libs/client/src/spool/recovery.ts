import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Chunk, ChunkPool } from '../delivery/chunk.js';
import type { Log } from '../transport.js';
import { setDamageAside, type ByteRange } from './damage.js';
import { openFrame, scanFrames, type Frame } from './frame.js';
import type { OpenedSpoolKey } from './open-spool-key.js';
import { sealClearFiles } from './seal-clear.js';
import { Segment } from './segment.js';
import type { SpoolKey } from './spool-key.js';

/** An event found in the spool: its `emit` resolved, or was about to. */
export interface RecoveredEvent {
  readonly id: string;
  readonly tenant: string;
  readonly sequence: number | undefined;
  readonly bytes: number;
  readonly segment: Segment;
  readonly offset: number;
  readonly frame: ByteRange;
  /** The segment in memory; undefined once the memory for recovered events is used up. */
  readonly chunk: Chunk | undefined;
}

/** Who writes into a spool: stored in each segment's header. */
export interface SpoolOwner {
  readonly source: string;
  readonly producerId: string;
}

export interface Recovery {
  readonly owner: SpoolOwner | undefined;
  /** Highest sequence that was ever durable here. */
  readonly lastSequence: number;
  /** Above every number that was ever in use here. */
  readonly nextNumber: number;
  /** Oldest first. Those without events may go once a newer header keeps the highest sequence. */
  readonly segments: readonly Segment[];
  /** In the order in which they were emitted. */
  readonly events: readonly RecoveredEvent[];
  readonly spares: readonly string[];
  /** Byte ranges that were changed after they were written. Their bytes are kept in the `damaged` folder. */
  readonly damagedRanges: number;
}

interface SegmentContent {
  readonly segment: Segment;
  readonly owner: SpoolOwner | undefined;
  readonly lastSequence: number;
  readonly events: readonly RecoveredEvent[];
  readonly damagedRanges: number;
}

/**
 * Reads a spool as a crash left it, and encrypts what former versions left in the clear. A commit that never finished is passed over; damage before a later commit is
 * reported and set aside, never skipped in silence. Segments are synced: what is read here must not be lost later.
 */
export async function recoverSpool(folder: string, { key, clearBelow }: OpenedSpoolKey, residentBytesMax: number, pool: ChunkPool, log: Log): Promise<Recovery> {
  const damagedBefore = await sealClearFiles(folder, clearBelow, key, log);
  const files = await spoolFiles(folder);
  const contents: SegmentContent[] = [];
  for (const { number, file } of files.segments) {
    const buffer = await readFile(file);
    const fits = pool.residentBytes + buffer.length <= residentBytesMax;
    contents.push(await readSegment(folder, number, file, buffer, fits ? pool : undefined, key, log));
  }
  return {
    owner: contents.findLast((content) => content.owner !== undefined)?.owner,
    lastSequence: contents.reduce((highest, content) => Math.max(highest, content.lastSequence), 0),
    nextNumber: files.numberMax + 1,
    segments: contents.map((content) => content.segment),
    events: contents.flatMap((content) => content.events),
    spares: files.spares,
    damagedRanges: contents.reduce((sum, content) => sum + content.damagedRanges, damagedBefore),
  };
}

async function readSegment(folder: string, number: number, file: string, buffer: Buffer, pool: ChunkPool | undefined, key: SpoolKey, log: Log): Promise<SegmentContent> {
  const { frames, damage } = openFrames(buffer, number, key);
  await setDamageAside(folder, number, buffer, damage, key, log);
  const segment = new Segment(number, file, buffer.length, undefined);
  // Recovered segments are read-only: nothing is appended after a torn commit.
  segment.used = buffer.length;
  let owner: SpoolOwner | undefined;
  let lastSequence = 0;
  const events: RecoveredEvent[] = [];
  const chunk = frames.some((frame) => frame.kind === 'events') ? pool?.adopt(buffer) : undefined;
  for (const frame of frames) {
    lastSequence = Math.max(lastSequence, frame.lastSequence);
    if (frame.kind === 'header') {
      owner = JSON.parse(buffer.toString('utf8', frame.from, frame.to)) as SpoolOwner;
      continue;
    }
    owner ??= ownerInEvents(buffer, frame);
    for (const event of readEvents(buffer, frame, segment, chunk)) events.push(event);
  }
  segment.live = events.length;
  if (events.length > 0) await segment.sync();
  return { segment, owner, lastSequence, events, damagedRanges: damage.length };
}

/** The frames of a segment, decrypted in their places, and what is none or does not verify. */
function openFrames(buffer: Buffer, number: number, key: SpoolKey): { frames: Frame[]; damage: ByteRange[] } {
  const scan = scanFrames(buffer, number);
  const frames: Frame[] = [];
  const damage = [...scan.damage];
  for (const frame of scan.frames) {
    const payload = frame.isClear || (frame.kind !== 'header' && frame.kind !== 'events') ? undefined : openFrame(buffer, frame, key, frame.start);
    if (payload === undefined) {
      damage.push({ from: frame.start, to: frame.to });
      continue;
    }
    payload.copy(buffer, frame.from);
    frames.push(frame);
  }
  return { frames, damage };
}

/** A damaged header must not stop a service from starting: its numbered events name the owner too. */
function ownerInEvents(buffer: Buffer, frame: Frame): SpoolOwner | undefined {
  for (const line of buffer.toString('utf8', frame.from, frame.to).trimEnd().split('\n')) {
    const event = JSON.parse(line) as { source: string; producer?: { id: string } };
    if (event.producer !== undefined) return { source: event.source, producerId: event.producer.id };
  }
  return undefined;
}

function readEvents(buffer: Buffer, frame: Frame, segment: Segment, chunk: Chunk | undefined): RecoveredEvent[] {
  const events: RecoveredEvent[] = [];
  const place = { from: frame.start, to: frame.to };
  let offset = frame.from;
  while (offset < frame.to) {
    const end = buffer.indexOf(LINE_FEED, offset);
    const event = JSON.parse(buffer.toString('utf8', offset, end)) as { id: string; tenant: string; producer?: { sequence: number } };
    events.push({
      id: event.id,
      tenant: event.tenant,
      sequence: event.producer?.sequence,
      bytes: end - offset,
      segment,
      offset,
      frame: place,
      chunk,
    });
    offset = end + 1;
  }
  return events;
}

const LINE_FEED = 0x0a;

async function spoolFiles(folder: string): Promise<{
  segments: { number: number; file: string }[];
  spares: string[];
  numberMax: number;
}> {
  const segments: { number: number; file: string }[] = [];
  const spares: string[] = [];
  let numberMax = 0;
  for (const name of await readdir(folder)) {
    const match = /^(\d{10})\.(seg|spare|seg\.new)$/.exec(name);
    if (match === null) continue;
    const number = Number(match[1]);
    const file = path.join(folder, name);
    numberMax = Math.max(numberMax, number);
    if (match[2] === 'seg') segments.push({ number, file });
    else if (match[2] === 'spare') spares.push(file);
    else await rm(file, { force: true });
  }
  segments.sort((a, b) => a.number - b.number);
  return { segments, spares, numberMax };
}

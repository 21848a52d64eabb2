import { crc32 } from 'node:zlib';

/**
 * A spool file is a row of frames. A frame is one group commit: all its events became durable together or not at all.
 *
 * | offset | size | field (little-endian) |
 * |---|---|---|
 * | 0 | 4 | magic ff 43 53 45; no UTF-8 text holds the byte ff |
 * | 4 | 1 | format version, 1 |
 * | 5 | 1 | kind: 1 header, 2 events |
 * | 6 | 2 | zero |
 * | 8 | 4 | segment number; files are used again, so frames of an earlier life must not pass for this one's |
 * | 12 | 4 | payload bytes |
 * | 16 | 4 | events in the payload |
 * | 20 | 4 | CRC-32 (IEEE, as in zlib) of bytes 0 to 19, 24 to 31 and the payload |
 * | 24 | 8 | highest sequence used so far |
 * | 32 | | payload: JSON texts, each ended by a line feed |
 */
export const FRAME_HEADER_BYTES = 32;
/** One frame with its header: bounds what one damaged byte can take with it. */
export const FRAME_BYTES_MAX = 128 * 1024;

export type FrameKind = 'header' | 'events';

export interface Frame {
  readonly kind: FrameKind;
  readonly segmentNumber: number;
  readonly eventCount: number;
  readonly lastSequence: number;
  /** The payload is bytes [from, to) of the file. */
  readonly from: number;
  readonly to: number;
}

const MAGIC = Buffer.from([0xff, 0x43, 0x53, 0x45]);
const VERSION = 1;
const KIND_CODE: Readonly<Record<FrameKind, number>> = { header: 1, events: 2 };
const TWO_32 = 2 ** 32;

/** Completes the frame [start, end) whose payload is already in place after the room for its header. */
export function sealFrame(
  buffer: Buffer,
  start: number,
  end: number,
  frame: { kind: FrameKind; segmentNumber: number; eventCount: number; lastSequence: number },
): void {
  MAGIC.copy(buffer, start);
  buffer[start + 4] = VERSION;
  buffer[start + 5] = KIND_CODE[frame.kind];
  buffer.writeUInt16LE(0, start + 6);
  buffer.writeUInt32LE(frame.segmentNumber, start + 8);
  buffer.writeUInt32LE(end - start - FRAME_HEADER_BYTES, start + 12);
  buffer.writeUInt32LE(frame.eventCount, start + 16);
  buffer.writeUInt32LE(frame.lastSequence % TWO_32, start + 24);
  buffer.writeUInt32LE(Math.floor(frame.lastSequence / TWO_32), start + 28);
  buffer.writeUInt32LE(checksum(buffer, start, end), start + 20);
}

/** Reads the frame at `start`; undefined if there is no whole and undamaged frame of this segment. */
export function readFrame(buffer: Buffer, start: number, segmentNumber: number): Frame | undefined {
  const from = start + FRAME_HEADER_BYTES;
  if (from > buffer.length || buffer.compare(MAGIC, 0, 4, start, start + 4) !== 0) return undefined;
  if (buffer[start + 4] !== VERSION || buffer.readUInt32LE(start + 8) !== segmentNumber) return undefined;
  const to = from + buffer.readUInt32LE(start + 12);
  if (to > buffer.length || checksum(buffer, start, to) !== buffer.readUInt32LE(start + 20)) return undefined;
  return {
    kind: buffer[start + 5] === KIND_CODE.header ? 'header' : 'events',
    segmentNumber,
    eventCount: buffer.readUInt32LE(start + 16),
    lastSequence: buffer.readUInt32LE(start + 24) + buffer.readUInt32LE(start + 28) * TWO_32,
    from,
    to,
  };
}

export interface FrameScan {
  readonly frames: readonly Frame[];
  /** Byte ranges that hold no frame although an undamaged frame follows: something changed them after they were written. */
  readonly damage: readonly { readonly from: number; readonly to: number }[];
  /** End of the last undamaged frame. What follows is unused, or a commit that never finished. */
  readonly end: number;
}

/** Finds all frames of a segment. A commit starts only after the one before is durable, so only the last can be torn. */
export function scanFrames(buffer: Buffer, segmentNumber: number): FrameScan {
  const frames: Frame[] = [];
  const damage: { from: number; to: number }[] = [];
  let end = 0;
  for (let frame = nextFrame(buffer, 0, segmentNumber); frame !== undefined; frame = nextFrame(buffer, end, segmentNumber)) {
    const start = frame.from - FRAME_HEADER_BYTES;
    if (start > end) damage.push({ from: end, to: start });
    frames.push(frame);
    end = frame.to;
  }
  return { frames, damage, end };
}

function nextFrame(buffer: Buffer, from: number, segmentNumber: number): Frame | undefined {
  for (let at = buffer.indexOf(MAGIC, from); at >= 0; at = buffer.indexOf(MAGIC, at + 1)) {
    const frame = readFrame(buffer, at, segmentNumber);
    if (frame !== undefined) return frame;
  }
  return undefined;
}

function checksum(buffer: Buffer, start: number, end: number): number {
  const before = crc32(buffer.subarray(start, start + 20));
  return crc32(buffer.subarray(start + 24, end), before);
}

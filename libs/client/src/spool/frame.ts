import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { SALT_BYTES, type FileKey, type SpoolKey } from './spool-key.js';

/**
 * A spool file is a row of frames. A frame is one group commit: all its events became durable together or not at all.
 *
 * | offset | size | field (little-endian) |
 * |---|---|---|
 * | 0 | 4 | magic ff 43 53 45; no UTF-8 text holds the byte ff |
 * | 4 | 1 | format version, 2; version 1, which is only read, ends its header at byte 32 and is not encrypted |
 * | 5 | 1 | kind: 1 header, 2 events, 3 refused events, 4 damaged bytes |
 * | 6 | 2 | zero |
 * | 8 | 4 | file number; files are used again, so frames of an earlier life must not pass for this one's |
 * | 12 | 4 | payload bytes |
 * | 16 | 4 | events in the payload |
 * | 20 | 4 | CRC-32 (IEEE, as in zlib) of bytes 0 to 19, all bytes from 24, and the payload |
 * | 24 | 8 | highest sequence used so far |
 * | 32 | 16 | salt: which key the file has |
 * | 48 | 12 | IV |
 * | 60 | 16 | tag |
 * | 76 | | payload: JSON texts, each ended by a line feed; AES-256-GCM |
 *
 * The checksum tells a commit that never finished from one that did; the tag tells whether it was this process that did it.
 * Additional data: bytes 0 to 19, 24 to 47, and where the frame begins in its file (4 bytes).
 */
export const FRAME_HEADER_BYTES = 76;
const CLEAR_HEADER_BYTES = 32;
/** One frame with its header: bounds what one damaged byte can take with it. */
export const FRAME_BYTES_MAX = 128 * 1024;

export type FrameKind = 'header' | 'events' | 'refused' | 'damaged';

/** What a frame says of itself. */
export interface FrameFields {
  readonly kind: FrameKind;
  readonly fileNumber: number;
  readonly eventCount: number;
  readonly lastSequence: number;
}

export interface Frame extends FrameFields {
  /** It stands at bytes [start, to) of the buffer, its payload at [from, to). */
  readonly start: number;
  readonly from: number;
  readonly to: number;
  /** Of version 1. */
  readonly isClear: boolean;
}

const MAGIC = Buffer.from([0xff, 0x43, 0x53, 0x45]);
const CLEAR = 1;
const SEALED = 2;
/** Where a frame that is not encrypted begins. */
export const CLEAR_MARK = Buffer.from([...MAGIC, CLEAR]);
/** Where an encrypted one does. */
export const SEALED_MARK = Buffer.from([...MAGIC, SEALED]);
const KINDS: readonly FrameKind[] = ['header', 'events', 'refused', 'damaged'];
const TWO_32 = 2 ** 32;
const SALT_AT = 32;
const IV_AT = 48;
const TAG_AT = 60;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

// Reused: nothing waits between filling and using it.
const aad = Buffer.alloc(48);

/** Writes the frame of a payload to the beginning of `into`; it will stand at byte `position` of its file. Returns its bytes. */
export function sealFrame(into: Buffer, payload: Uint8Array, frame: FrameFields, key: FileKey, position: number): number {
  const end = FRAME_HEADER_BYTES + payload.length;
  SEALED_MARK.copy(into, 0);
  into[5] = KINDS.indexOf(frame.kind) + 1;
  into.writeUInt16LE(0, 6);
  into.writeUInt32LE(frame.fileNumber, 8);
  into.writeUInt32LE(payload.length, 12);
  into.writeUInt32LE(frame.eventCount, 16);
  into.writeUInt32LE(frame.lastSequence % TWO_32, 24);
  into.writeUInt32LE(Math.floor(frame.lastSequence / TWO_32), 28);
  key.salt.copy(into, SALT_AT);
  randomFillSync(into, IV_AT, TAG_AT - IV_AT);
  const cipher = createCipheriv(CIPHER, key.secret, into.subarray(IV_AT, TAG_AT), { authTagLength: TAG_BYTES });
  cipher.setAAD(aadOf(into, 0, position));
  cipher.update(payload).copy(into, FRAME_HEADER_BYTES);
  cipher.final();
  cipher.getAuthTag().copy(into, TAG_AT);
  into.writeUInt32LE(checksum(into, 0, end), 20);
  return end;
}

/** Reads the frame at `start`; undefined if there is no whole and undamaged frame of this file. Nothing is decrypted. */
export function readFrame(buffer: Buffer, start: number, fileNumber: number): Frame | undefined {
  if (start + CLEAR_HEADER_BYTES > buffer.length || buffer.compare(MAGIC, 0, 4, start, start + 4) !== 0) return undefined;
  const version = buffer[start + 4];
  const kind = KINDS[buffer[start + 5]! - 1];
  if ((version !== CLEAR && version !== SEALED) || kind === undefined || buffer.readUInt32LE(start + 8) !== fileNumber) return undefined;
  const from = start + (version === CLEAR ? CLEAR_HEADER_BYTES : FRAME_HEADER_BYTES);
  const to = from + buffer.readUInt32LE(start + 12);
  if (to > buffer.length || checksum(buffer, start, to) !== buffer.readUInt32LE(start + 20)) return undefined;
  return {
    kind,
    fileNumber,
    eventCount: buffer.readUInt32LE(start + 16),
    lastSequence: buffer.readUInt32LE(start + 24) + buffer.readUInt32LE(start + 28) * TWO_32,
    start,
    from,
    to,
    isClear: version === CLEAR,
  };
}

/**
 * The payload of an encrypted frame that stands at byte `position` of its file; undefined when it does not verify: changed, or
 * taken from another place, file or spool.
 */
export function openFrame(buffer: Buffer, frame: Frame, key: SpoolKey, position: number): Buffer | undefined {
  const { start, from, to } = frame;
  const decipher = decipherOf(buffer, start, key);
  decipher.setAAD(aadOf(buffer, start, position));
  decipher.setAuthTag(buffer.subarray(start + TAG_AT, start + TAG_AT + TAG_BYTES));
  const payload = decipher.update(buffer.subarray(from, to));
  try {
    decipher.final();
    return payload;
  } catch {
    payload.fill(0);
    return undefined;
  }
}

/** The bytes of a damaged range with what can still be decrypted in it, **unverified**: for people to look at, never to be sent. */
export function salvaged(range: Buffer, key: SpoolKey): Buffer {
  const bytes = Buffer.from(range);
  for (let at = range.indexOf(SEALED_MARK); at >= 0; at = range.indexOf(SEALED_MARK, at + 1)) {
    const from = at + FRAME_HEADER_BYTES;
    if (from > range.length) break;
    const to = Math.min(range.length, from + range.readUInt32LE(at + 12));
    // No `final`: that is what would verify it.
    decipherOf(range, at, key).update(range.subarray(from, to)).copy(bytes, from);
  }
  return bytes;
}

export interface FrameScan {
  readonly frames: readonly Frame[];
  /** Byte ranges that hold no frame although an undamaged frame follows: something changed them after they were written. */
  readonly damage: readonly { readonly from: number; readonly to: number }[];
  /** End of the last undamaged frame. What follows is unused, or a commit that never finished. */
  readonly end: number;
}

/** Finds all frames of a file. A commit starts only after the one before is durable, so only the last can be torn. */
export function scanFrames(buffer: Buffer, fileNumber: number): FrameScan {
  const frames: Frame[] = [];
  const damage: { from: number; to: number }[] = [];
  let end = 0;
  for (let frame = nextFrame(buffer, 0, fileNumber); frame !== undefined; frame = nextFrame(buffer, end, fileNumber)) {
    if (frame.start > end) damage.push({ from: end, to: frame.start });
    frames.push(frame);
    end = frame.to;
  }
  return { frames, damage, end };
}

function nextFrame(buffer: Buffer, from: number, fileNumber: number): Frame | undefined {
  for (let at = buffer.indexOf(MAGIC, from); at >= 0; at = buffer.indexOf(MAGIC, at + 1)) {
    const frame = readFrame(buffer, at, fileNumber);
    if (frame !== undefined) return frame;
  }
  return undefined;
}

function decipherOf(buffer: Buffer, start: number, key: SpoolKey) {
  const { secret } = key.fileKey(buffer.subarray(start + SALT_AT, start + SALT_AT + SALT_BYTES));
  return createDecipheriv(CIPHER, secret, buffer.subarray(start + IV_AT, start + TAG_AT), { authTagLength: TAG_BYTES });
}

function aadOf(buffer: Buffer, start: number, position: number): Buffer {
  buffer.copy(aad, 0, start, start + 20);
  buffer.copy(aad, 20, start + 24, start + IV_AT);
  aad.writeUInt32LE(position, 44);
  return aad;
}

function checksum(buffer: Buffer, start: number, end: number): number {
  const before = crc32(buffer.subarray(start, start + 20));
  return crc32(buffer.subarray(start + 24, end), before);
}

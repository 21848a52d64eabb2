import { open } from 'node:fs/promises';
import { FRAME_BYTES_MAX, FRAME_HEADER_BYTES, sealFrame, type FrameKind } from './frame.js';
import type { FileKey, SpoolKey } from './spool-key.js';

const PAYLOAD_BYTES_MAX = FRAME_BYTES_MAX - FRAME_HEADER_BYTES;

/** A row of encrypted frames, to be written at byte `position` of a file: what a spool keeps for people. */
export function keptFrames(kind: Extract<FrameKind, 'refused' | 'damaged'>, payloads: readonly Uint8Array[], fileNumber: number, key: FileKey, position: number): Buffer {
  const frames: Buffer[] = [];
  let at = position;
  for (const payload of payloads) {
    const frame = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
    at += sealFrame(frame, payload, { kind, fileNumber, eventCount: kind === 'refused' ? 1 : 0, lastSequence: 0 }, key, at);
    frames.push(frame);
  }
  return Buffer.concat(frames);
}

/** Writes bytes of any length as a file of their own. Durable on return, but for the file's name. */
export async function keepBytes(file: string, kind: Extract<FrameKind, 'refused' | 'damaged'>, bytes: Buffer, fileNumber: number, key: SpoolKey): Promise<void> {
  const payloads: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PAYLOAD_BYTES_MAX) payloads.push(bytes.subarray(at, at + PAYLOAD_BYTES_MAX));
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(keptFrames(kind, payloads, fileNumber, key.freshFileKey(), 0));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

import type { Entry } from '../delivery/lane.js';
import { residentPiece, type Piece } from '../delivery/message-body.js';
import type { Spool, StagedFrame } from './spool.js';

/** `durability: 'bus'`: nothing survives the process. */
export class MemorySpool implements Spool {
  lastSequence = 0;
  bytes = 0;

  constructor(readonly bytesMax: number) {}

  hasRoom(bytes: number): boolean {
    return this.bytes + bytes <= this.bytesMax;
  }

  append(frame: StagedFrame): Promise<void> {
    for (const entry of frame.entries) this.bytes += entry.bytes;
    this.lastSequence = frame.lastSequence ?? this.lastSequence;
    return Promise.resolve();
  }

  clear(entry: Entry): void {
    this.bytes -= entry.bytes;
  }

  load(entries: readonly Entry[]): Promise<(Piece | undefined)[]> {
    return Promise.resolve(entries.map(residentPiece));
  }

  tidy(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
